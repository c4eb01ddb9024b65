// A library to its evidence pack, a task for each shard (Nextflow, DSL 2).
//
//     nextflow run examples/workflows/main.nf --library library.smi --options '--decoys 10'
//
// Tasks are hermetic: each gets the plan and the packed library alone. The pack is
// the one of `hetero2 run` with the same options. As a module:
//     include { HETERO2 } from './main'

import groovy.json.JsonSlurper

params.library = null
params.options = ''
params.shards = ''
params.outdir = 'results'

process PLAN {
    input:
    path library

    output:
    path 'run', emit: run

    script:
    def shards = params.shards ? "--shards ${params.shards}" : ''
    """
    hetero2 plan ${library} --out run ${shards} ${params.options}
    """
}

process SHARD {
    cpus 4
    memory '2 GB'

    input:
    tuple path(planned, stageAs: 'planned'), val(number)

    output:
    path "run/shards/*", emit: shard

    script:
    """
    mkdir run
    ln -s "\$PWD"/planned/plan.json "\$PWD"/planned/library "\$PWD"/planned/inputs run/
    hetero2 shard run ${number} --threads ${task.cpus}
    """
}

process REDUCE {
    publishDir params.outdir, mode: 'copy'
    memory '4 GB'

    input:
    path planned, stageAs: 'planned'
    path shards, stageAs: 'computed/*'

    output:
    path 'run/pack', emit: pack

    script:
    """
    cp -RL planned run
    mkdir -p run/shards
    cp -RL computed/* run/shards/
    hetero2 reduce run
    """
}

workflow HETERO2 {
    take:
    library

    main:
    PLAN(library)
    numbers = PLAN.out.run.flatMap { run ->
        new JsonSlurper().parse(run.resolve('plan.json')).shards.collect { shard -> [run, shard.index] }
    }
    SHARD(numbers)
    REDUCE(PLAN.out.run, SHARD.out.shard.collect())

    emit:
    pack = REDUCE.out.pack
}

workflow {
    HETERO2(Channel.fromPath(params.library, checkIfExists: true).collect())
}
