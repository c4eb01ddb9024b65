#!/usr/bin/env bash
# The table of verdicts (docs/method.md has one target of it). Needs python3 and a package index; takes half an hour on two
# cores. Arguments go to verdicts.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release
venv=target/usefulness/venv
if [ ! -e "$venv/ready" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check rdkit scikit-learn
    touch "$venv/ready"
fi
exec "$venv/bin/python" benches/usefulness/verdicts.py target/release/hetero2 target/usefulness "$@"
