cwlVersion: v1.2
class: Workflow
label: A library to its evidence pack, a job for each shard
doc: |
  cwltool --parallel examples/workflows/hetero2.cwl --library library.smi --shards 20

  `hetero2` is on the path, or a DockerRequirement names an image that has it. The pack
  is the one of `hetero2 run` with the same options.
requirements:
  ScatterFeatureRequirement: {}
inputs:
  library: File
  shards: int?
  options:
    type: string[]
    default: []
steps:
  plan:
    run: plan.cwl
    in: {library: library, shards: shards, options: options}
    out: [plan, packed, side_inputs, numbers]
  shard:
    run: shard.cwl
    scatter: number
    in:
      plan: plan/plan
      packed: plan/packed
      side_inputs: plan/side_inputs
      number: plan/numbers
    out: [shard]
  reduce:
    run: reduce.cwl
    in:
      plan: plan/plan
      packed: plan/packed
      side_inputs: plan/side_inputs
      shards: shard/shard
    out: [pack]
outputs:
  pack:
    type: Directory
    outputSource: reduce/pack
