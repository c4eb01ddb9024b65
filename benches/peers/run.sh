#!/usr/bin/env bash
# Ours beside RDKit and numpy on the same machine in one run, as ratios above 1
# where ours is faster. Needs python3 and a package index.
#
#   benches/peers/run.sh              stages and eigenvalues
#   benches/peers/run.sh stages       parse, canonical SMILES, fingerprint, descriptors, spectra of
#                                     the demo library
#   benches/peers/run.sh eigenvalues  the eigenvalue kernel by instruction set on 8,192 graphs
#   benches/peers/run.sh gpu          the eigenvalue kernels by backend, beside PyTorch and CuPy on a GPU
#   benches/peers/run.sh scale        states of graphs of up to a million atoms, beside scipy's eigvalsh,
#                                     eigh_tridiagonal and ARPACK
#   benches/peers/run.sh batch PEER LIBRARY [DECOYS [ROWS]]
#                                     whole audits beside the Python implementation, whose command
#                                     hetero2-batch is PEER; it must be installed beforehand
set -euo pipefail
cd "$(dirname "$0")/../.."

# install VENV PACKAGE…: sets `venv` and its `python`.
install() {
    venv=$1 python=$1/bin/python
    [ -e "$venv/ready" ] && return
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
    touch "$venv/ready"
}

# Ours runs between two runs of the peer, so that a change of the machine's
# load shows.
stages() {
    install target/peers rdkit numpy
    "$python" benches/peers/stages.py measure "$venv/before.json"
    cargo bench -p hetero2-benches --bench stages -- '^(molecule|spectra)/'
    "$python" benches/peers/stages.py measure "$venv/after.json"
    "$python" benches/peers/stages.py compare "$venv/before.json" "$venv/after.json" target/criterion
}

eigenvalues() {
    install target/peers rdkit numpy
    "$python" benches/peers/eigvalsh.py 8192
    cargo bench -p hetero2-benches --bench spectra -- 'n~N.*values'
    "$python" benches/peers/eigvalsh.py 8192 target/criterion
}

# PyTorch and CuPy bring gigabytes: an environment of their own.
gpu() {
    install target/peers-gpu rdkit numpy torch cupy-cuda13x
    cargo run --release -- bench spectra --json >"$venv/ours.json"
    "$python" benches/peers/gpu.py "$venv/ours.json"
}

scale() {
    install target/peers-scale numpy scipy
    cargo run --release -- bench scale --sizes 1000,4000,20000,100000,1000000 --dense-up-to 4000 --json >"$venv/ours.json"
    "$python" benches/peers/scale.py "$venv/ours.json"
}

batch() {
    cargo build --release
    python3 benches/peers/batch.py "${1:-}" target/release/hetero2 "${@:2}"
}

case "${1:-all}" in
all)
    eigenvalues
    stages
    ;;
stages | eigenvalues | gpu | scale | batch) "$@" ;;
*)
    sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
