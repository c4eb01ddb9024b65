#!/usr/bin/env bash
# The table of verdicts of docs/method.md: data, models, decoys, audits, Markdown. Needs python3 and a package index; takes
# ten minutes of one core. Arguments go to verdicts.py; what was fetched, trained and scored is used again.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release
venv=target/usefulness/venv
if [ ! -e "$venv/ready" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check rdkit scikit-learn
    touch "$venv/ready"
fi
exec "$venv/bin/python" benches/usefulness/verdicts.py target/release/hetero2 target/usefulness --out docs/method.md "$@"
