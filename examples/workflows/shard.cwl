cwlVersion: v1.2
class: CommandLineTool
label: Computes one shard of a plan
requirements:
  ShellCommandRequirement: {}
  ResourceRequirement: {coresMin: 1, ramMin: 2000}
baseCommand: []
inputs:
  plan: File
  packed: Directory
  side_inputs: Directory
  number: int
arguments:
  - shellQuote: false
    valueFrom: >-
      mkdir run &&
      ln -s "$(inputs.plan.path)" run/plan.json &&
      ln -s "$(inputs.packed.path)" run/library &&
      ln -s "$(inputs.side_inputs.path)" run/inputs &&
      hetero2 shard run $(inputs.number) --threads $(runtime.cores)
outputs:
  shard:
    type: Directory
    outputBinding: {glob: 'run/shards/[0-9]*'}
