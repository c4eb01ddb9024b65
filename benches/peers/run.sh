#!/usr/bin/env bash
# Our eigenvalue kernel and numpy's on the same machine in one run, as a ratio.
#   benches/peers/run.sh        needs python3 and a package index for numpy
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/peers
[ -x "$venv/bin/python" ] || { python3 -m venv "$venv"; "$venv/bin/pip" install --quiet numpy; }
# Between two runs of the peer, so that a change of the machine's load shows.
"$venv/bin/python" benches/peers/eigvalsh.py 8192
cargo bench --bench spectra -- 'n~N.*values'
"$venv/bin/python" benches/peers/eigvalsh.py 8192 target/criterion
