cwlVersion: v1.2
class: CommandLineTool
label: Packs a library into shards
doc: The plan and the packed library are all that a shard needs, wherever it is computed.
requirements:
  InlineJavascriptRequirement: {}
baseCommand: [hetero2, plan]
inputs:
  library:
    type: File
    inputBinding: {position: 1}
  shards:
    type: int?
    inputBinding: {prefix: --shards}
  options:
    type: string[]
    default: []
    inputBinding: {position: 2}
arguments: [--out, run, --json]
stdout: plan-answer.json
outputs:
  plan:
    type: File
    outputBinding: {glob: run/plan.json}
  packed:
    type: Directory
    outputBinding: {glob: run/library}
  side_inputs:
    type: Directory
    outputBinding: {glob: run/inputs}
  numbers:
    type: int[]
    outputBinding:
      glob: plan-answer.json
      loadContents: true
      outputEval: |
        ${ var count = JSON.parse(self[0].contents).shards, numbers = [];
           for (var i = 0; i < count; i++) { numbers.push(i); }
           return numbers; }
