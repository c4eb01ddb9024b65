cwlVersion: v1.2
class: CommandLineTool
label: Merges the shards of a plan into its evidence pack
requirements:
  InlineJavascriptRequirement: {}
  InitialWorkDirRequirement:
    listing:
      # The reducer removes shards once they are in the pack: it gets its own.
      - entryname: run/shards
        writable: true
        entry: "$({class: 'Directory', listing: inputs.shards})"
      - {entryname: run/plan.json, entry: $(inputs.plan)}
      - {entryname: run/library, entry: $(inputs.packed), writable: true}
      - {entryname: run/inputs, entry: $(inputs.side_inputs), writable: true}
      - {entryname: run/.hetero2-run, entry: ''}
baseCommand: [hetero2, reduce, run]
inputs:
  plan: File
  packed: Directory
  side_inputs: Directory
  shards: Directory[]
outputs:
  pack:
    type: Directory
    outputBinding: {glob: run/pack}
