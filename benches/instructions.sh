#!/usr/bin/env bash
# Instructions that three workloads take, by callgrind, against those stored in
# benches/instructions.tsv: unlike times they repeat, to some 0.1 %, on any
# machine and under any load.
#
#   benches/instructions.sh [PROGRAM]             compare; fails above +10 %
#   benches/instructions.sh --update [PROGRAM]    store what was found
#
#   spectra  `run` on the demo library without decoys, without zip
#   audit    `run` with 2 decoys of set v1 on its first 200 rows
#   reduce   `reduce` of the demo library with 2 decoys of set v1, with zip
#
# PROGRAM is target/release/hetero2 without it. One thread, a fixed locale; hash
# seeds and addresses still differ from run to run, which is the 0.1 %. Valgrind
# presents a CPU of its own, with AVX2 and without AVX-512 and SHA instructions,
# so every x86-64 machine with AVX2 counts the same path; the script checks that
# the program took it. Another compiler may give other counts: update then.
set -euo pipefail
cd "$(dirname "$0")/.."

update=
[ "${1:-}" = --update ] && { update=yes; shift; }
program=$(realpath "${1:-target/release/hetero2}")
stored=benches/instructions.tsv
bound=10

fail() { printf 'instructions: %s\n' "$1" >&2; exit 1; }
command -v valgrind >/dev/null || fail "no valgrind: apt-get install valgrind"
[ -x "$program" ] || fail "no program at $program: cargo build --release"
if [ "$(uname -m)" != x86_64 ] || ! grep -qw avx2 /proc/cpuinfo; then
    echo "SKIPPED instructions: the stored counts are of x86-64 with AVX2, which this machine lacks" >&2
    exit 0
fi

export LC_ALL=C TZ=UTC
unset HETERO2_LOG
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
demo=$PWD/src/library/data/demo.smi
head -n 200 "$demo" >"$scratch/first200.smi"
cd "$scratch"

# count NAME COMMAND…: prints the instructions of the command.
count() {
    local name=$1
    shift
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$name.valgrind" \
        "$@" >"$name.out" 2>"$name.err" || { cat "$name.err" "$name.valgrind" >&2; fail "$name failed"; }
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$name.valgrind"
}

# Natively what a workload needs but does not count.
"$program" plan "$demo" --out two --decoys 2 --decoy-set v1 --quiet >plan.out
"$program" shard two 0 --backend cpu --threads 1 --quiet >shard.out
# Assigned one by one, so that a failure ends the script.
spectra=$(count spectra "$program" run "$demo" --backend cpu --decoys 0 --threads 1 --no-zip --out zero -v)
audit=$(count audit "$program" run first200.smi --backend cpu --decoys 2 --decoy-set v1 --threads 1 --no-zip --out audit)
reduce=$(count reduce "$program" reduce two --threads 1)
found=$(printf '%s\t%s\n' spectra "$spectra" audit "$audit" reduce "$reduce")
grep -q 'device="cpu (avx2)"' spectra.err ||
    fail "the program did not take the AVX2 path under valgrind: $(grep -o 'device=.*' spectra.err)"

cd - >/dev/null
if [ -n "$update" ]; then
    { sed -n '/^#/p' "$stored"; printf '%s\n' "$found"; } >"$scratch/new"
    cp "$scratch/new" "$stored"
    echo "stored in $stored:"
    printf '%s\n' "$found"
    exit 0
fi
above=
while IFS=$'\t' read -r name now; do
    before=$(awk -F'\t' -v name="$name" '$1 == name { print $2 }' "$stored")
    [ -n "$before" ] || fail "$stored has no count for $name: benches/instructions.sh --update"
    change=$(awk -v a="$before" -v b="$now" 'BEGIN { printf "%+.2f", 100 * (b / a - 1) }')
    printf '%-8s stored %12d  found %12d  %s %%\n' "$name" "$before" "$now" "$change"
    if awk -v c="$change" -v b="$bound" 'BEGIN { exit !(c > b) }'; then above="$above $name"; fi
    if awk -v c="$change" -v b="$bound" 'BEGIN { exit !(c < -b) }'; then
        echo "         keep this gain: benches/instructions.sh --update"
    fi
done <<<"$found"
[ -z "$above" ] || fail "more than +$bound %:$above. If that is meant, say why in the commit and run
    benches/instructions.sh --update"
