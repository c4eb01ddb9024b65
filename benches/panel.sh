#!/usr/bin/env bash
# What the panel of controls costs: CPU time of an audit on 20 decoys of each molecule, with the controls of all that are
# sampled, and of the same with those of one molecule (--audit-top 1), on one thread; the least of some runs.
#
#   benches/panel.sh [PROGRAM] [RUNS] [MOLECULES...]
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(realpath "${1:-target/release/hetero2}")
runs=${2:-3}
[ $# -gt 2 ] && sizes=("${@:3}") || sizes=(140 300 600 1000)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Seconds of user time of a command.
user() {
    local TIMEFORMAT=%U
    { time "$@" >"$work/out" 2>&1; } 2>&1
}

# The least of so many runs.
least() {
    for _ in $(seq "$runs"); do
        rm -rf "$work/run"
        user "$program" run "$work/library.smi" --decoy-set v2 --threads 1 --out "$work/run" "$@"
    done | sort -g | head -1
}

echo "molecules  audit and panel  audit alone  panel  of the audit"
for size in "${sizes[@]}"; do
    head -n "$size" src/library/data/demo.smi > "$work/library.smi"
    "$program" decoys "$work/library.smi" --decoy-set v2 --threads 1 --out "$work/decoys.csv" --force -q
    # Any score of the text will do; the outcomes are one in three.
    awk -F, -v OFS=, 'NR > 1 { $9 = length($4) * 7919 % 997 + index($4, "O") } 1' "$work/decoys.csv" > "$work/scores.csv"
    awk -F, 'NR == 1 { print "molecule_id,active"; next } $2 == "original" { print $1 "," (++n % 3 == 0) }' \
        "$work/decoys.csv" > "$work/truth.csv"
    for truth in "" "--truth=$work/truth.csv"; do
        with=$(least --scores "$work/scores.csv" $truth)
        without=$(least --scores "$work/scores.csv" --audit-top 1 $truth)
        # Stand-in scores are read from no file, which is no part of the audit.
        audit=$(least --scores mock)
        awk -v n="$size" -v w="$with" -v o="$without" -v m="$audit" -v t="${truth:+with outcomes}" \
            'BEGIN { printf "%9d %15.2f s %10.2f s %7.2f s %5.0f %%  %s\n", n, w, m, w - o, 100 * (w - o) / m, t }'
    done
done
