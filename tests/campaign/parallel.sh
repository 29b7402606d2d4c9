#!/usr/bin/env bash
# Runs a campaign with GNU parallel, for real: tests/campaign/parallel.sh [PROGRAM [NAME [SEEDS]]]
#
# Starts deploy/parallel.sh, kills all of it in the middle, and starts it again. What merge makes of the
# shards is then, byte for byte, what it makes of a campaign that one process has run from end to end.
#
# Needs GNU parallel (Debian: parallel). Exits with 1 if anything is not so.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/campaign/common.sh
source "$root/tests/campaign/common.sh"

program=$(realpath "${1:-$root/target/release/seedloop}")
name=${2:-bluetooth}
seeds=${3:-}

readonly SHARDS=6
# How long one process is to take for the range, if none is given.
readonly SINGLE_S=6

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
        "$work/many" --jobs 1 >"$work/log" 2>&1 </dev/null &
    session=$!
}

[[ -n $seeds ]] || seeds=$(measured_range "$SINGLE_S")
campaign "$seeds" --shards "$SHARDS" --out "$work/one"
single=$(merged one)
printf 'one process has run seeds %s of %s (%d s); merge ends with %d\n' \
    "$seeds" "$name" "$SECONDS" "$single"

start
for ((tries = 0; ; tries++)); do
    [[ ! -s "$work/many/shard-00001-of-0000$SHARDS.jsonl" ]] || break
    ((tries < 600)) || fail "no shard is begun"
    sleep 0.1
done
kill_all || fail "it was over before it was killed; give it more seeds"
{ wait "$session" || true; } 2>/dev/null
begun=$(find "$work/many" -name 'shard-*' | wc -l)
((begun < SHARDS)) || fail "all shards were begun before it was killed; give it more seeds"
printf 'killed with %d of %d shards begun\n' "$begun" "$SHARDS"

start
code=0
wait "$session" || code=$?
session=
((code == single)) || fail "started again, it ends with $code"
check_same "$single"
printf 'merged, byte for byte the same as of one process (%d s)\n' "$SECONDS"
