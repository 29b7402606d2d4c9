#!/usr/bin/env bash
# Runs a campaign with GNU parallel, for real: tests/campaign/parallel.sh [PROGRAM [NAME [SEEDS]]]
#
# Starts deploy/parallel.sh, kills all of it in the middle, and starts it again. What merge makes of the
# shards is then, byte for byte, what it makes of a campaign that one process has run from end to end.
#
# Needs GNU parallel (Debian: parallel). Exits with 1 if anything is not so.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

program=$(realpath "${1:-$root/target/release/seedloop}")
name=${2:-job-queue}
seeds=${3:-0..100_000}

readonly SHARDS=6

while read -r variable; do
    unset "$variable"
done < <(compgen -e | grep -E '^(SEEDLOOP_|SLURM_|JOB_COMPLETION_INDEX|AWS_BATCH_|PARALLEL)')

work=$(mktemp -d /tmp/seedloop-parallel-XXXXXX)
session=

# parallel gives each job a process group of its own, in one session.
kill_all() {
    local -a processes
    mapfile -t processes < <(ps --no-headers -o pid:1 --sid "$session")
    kill -KILL "${processes[@]}" 2>/dev/null
}

tear_down() {
    local code=$?
    trap - EXIT
    [[ -z $session ]] || kill_all || true
    rm -rf "$work"
    exit "$code"
}
trap tear_down EXIT
trap 'exit 130' INT TERM

fail() {
    printf 'error: %s\n' "$1" >&2
    [[ ! -s $work/log ]] || tail -20 "$work/log" >&2
    exit 1
}

start() {
    # A session of its own, to be killed as a whole.
    SEEDLOOP_SHARDS=$SHARDS setsid "$root/deploy/parallel.sh" "$program" "$name" "$seeds" \
        "$work/many shards" --jobs 1 >"$work/log" 2>&1 </dev/null &
    session=$!
}

merged() {
    local code=0
    (cd "$work" && "$program" merge "$1" --out "$work/$1.merged") >"$work/$1.txt" 2>&1 || code=$?
    printf '%d\n' "$code"
}

begin=$SECONDS
"$program" campaign "$name" --seeds "$seeds" --shards "$SHARDS" --out "$work/one" >"$work/log" 2>&1 ||
    (($? == 1)) || fail "the campaign of one process failed"
single=$(merged one)
printf 'one process has run seeds %s of %s in %d s; merge ends with %d\n' \
    "$seeds" "$name" $((SECONDS - begin)) "$single"

start
for ((tries = 0; ; tries++)); do
    [[ ! -s "$work/many shards/shard-00001-of-0000$SHARDS.jsonl" ]] || break
    ((tries < 600)) || fail "no shard is begun"
    sleep 0.1
done
kill_all || fail "it was over before it was killed; give it more seeds"
wait "$session" 2>/dev/null || true
begun=$(find "$work/many shards" -name 'shard-*' | wc -l)
((begun < SHARDS)) || fail "all shards were begun before it was killed; give it more seeds"
printf 'killed with %d of %d shards begun\n' "$begun" "$SHARDS"

start
code=0
wait "$session" || code=$?
session=
((code == single)) || fail "started again, it ends with $code"
many=$(merged "many shards")
((many == single)) || fail "merge ends with $many, and with $single for one process"
cmp "$work/one.txt" "$work/many shards.txt" || fail "merge prints something else"
cmp "$work/one.merged" "$work/many shards.merged" || fail "merge writes something else"
printf 'merged, byte for byte the same as of one process\n'
