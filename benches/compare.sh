#!/usr/bin/env bash
# The stages of two revisions on this machine, as ratios of median times.
#
#   benches/compare.sh BEFORE                        against the working tree
#   benches/compare.sh BEFORE AFTER [REGEX]          two revisions (. is the tree), some stages
#
# BEFORE is measured again at the end: its own ratio says how far to trust the
# others. Both revisions need benches/stages.rs. Work lies in target/compare.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
before=$1 after=${2:-.} filter=${3:-}

work=$root/target/compare
export CRITERION_HOME=$work/criterion CARGO_TARGET_DIR=$work/build
rm -rf "$CRITERION_HOME"

# measure REVISION NAME: saves criterion's baseline NAME.
measure() {
    local tree=$root
    if [ "$1" != . ]; then
        tree=$work/$(git rev-parse --short=12 "$1^{commit}")
        [ -d "$tree" ] || git worktree add --quiet --detach "$tree" "$1"
    fi
    # Early revisions have the benchmarks in the package of the program.
    local package=hetero2
    [ ! -f "$tree/benches/Cargo.toml" ] || package=hetero2-benches
    (cd "$tree" && cargo bench --quiet -p "$package" --bench stages -- --save-baseline "$2" ${filter:+"$filter"})
}
trap 'git worktree list --porcelain | sed -n "s|^worktree \($work/.*\)|\1|p" |
    xargs -r -n 1 git worktree remove --force' EXIT
measure "$before" before
measure "$after" after
measure "$before" again

# median FOLDER: nanoseconds, from criterion's file.
median() {
    sed -n 's/.*"median":{"confidence_interval":{[^}]*},"point_estimate":\([^,]*\),.*/\1/p' "$1/estimates.json"
}
printf '\n%-52s %14s %14s %8s %8s\n' stage "before µs" "after µs" ratio again
find "$CRITERION_HOME" -type d -name before | sort | while read -r folder; do
    stage=$(dirname "${folder#"$CRITERION_HOME"/}")
    [ -f "$folder/../after/estimates.json" ] || continue
    awk -v stage="$stage" -v a="$(median "$folder")" -v b="$(median "$folder/../after")" \
        -v c="$(median "$folder/../again")" \
        'BEGIN { printf "%-52s %14.2f %14.2f %8.3f %8.3f\n", stage, a / 1e3, b / 1e3, b / a, c / a }'
done
