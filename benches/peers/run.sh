#!/usr/bin/env bash
# Ours beside RDKit and numpy on the same machine in one run, as ratios above 1
# where ours is faster. Needs python3 and a package index.
#
#   benches/peers/run.sh              stages and eigenvalues
#   benches/peers/run.sh stages       parse, canonical SMILES, fingerprint, descriptors, spectra of
#                                     the demo library
#   benches/peers/run.sh eigenvalues  the eigenvalue kernel by instruction set on 8,192 graphs
#   benches/peers/run.sh batch PEER LIBRARY [DECOYS [ROWS]]
#                                     whole audits beside the Python implementation, whose command
#                                     hetero2-batch is PEER; it must be installed beforehand
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = batch ]; then
    cargo build --release
    exec python3 benches/peers/batch.py "${2:-}" target/release/hetero2 "${@:3}"
fi
venv=target/peers
[ -e "$venv/ready" ] || {
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check rdkit numpy
    touch "$venv/ready"
}
python=$venv/bin/python

# Ours runs between two runs of the peer, so that a change of the machine's
# load shows.
stages() {
    "$python" benches/peers/stages.py measure "$venv/before.json"
    cargo bench --bench stages -- '^(molecule|spectra)/'
    "$python" benches/peers/stages.py measure "$venv/after.json"
    "$python" benches/peers/stages.py compare "$venv/before.json" "$venv/after.json" target/criterion
}

eigenvalues() {
    "$python" benches/peers/eigvalsh.py 8192
    cargo bench --bench spectra -- 'n~N.*values'
    "$python" benches/peers/eigvalsh.py 8192 target/criterion
}

case "${1:-all}" in
all)
    eigenvalues
    stages
    ;;
stages | eigenvalues) "$1" ;;
*)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
