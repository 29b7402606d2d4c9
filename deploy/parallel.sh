#!/usr/bin/env bash
# A campaign on one machine, or on those of a list, with GNU parallel:
#
#   SEEDLOOP_SHARDS=64 deploy/parallel.sh PROGRAM NAME SEEDS DIR [OPTION..]
#
# PROGRAM has the commands of seedloop, as target/release/seedloop; NAME is what it explores, SEEDS a
# range such as 0..1_000_000_000, DIR a folder. What else is given goes to the campaign. As many
# shards run at a time as there are cores. Options of parallel itself are taken from PARALLEL, as in
# PARALLEL='--sshloginfile nodes --workdir .' for machines that share this folder.
#
# Started again after whatever has ended it, it goes on. Exits with what merge says of the whole.
set -euo pipefail

usage="usage: SEEDLOOP_SHARDS=N parallel.sh PROGRAM NAME SEEDS DIR [OPTION..]"
(($# >= 4)) || { echo "$usage" >&2; exit 2; }
[[ -n ${SEEDLOOP_SHARDS:-} ]] || { echo "SEEDLOOP_SHARDS is not set; $usage" >&2; exit 2; }
program=$1 name=$2 seeds=$3 folder=$4
shift 4

# A shard that was killed, for want of memory perhaps, is started again, twice at most, and so is one
# that had no room on the disk (3) or no process to make its runs (4). Failures that were found (1) are
# what it is for; whatever else it ends with is the same the next time.
shard() {
    local index=$1 attempt code
    shift
    for attempt in 1 2 3; do
        code=0
        SEEDLOOP_SHARD=$index "$@" || code=$?
        (((code > 128 || code == 3 || code == 4) && attempt < 3)) || break
        # A disk is not emptied at once.
        sleep "$((code > 128 ? 2 : 60))"
    done
    ((code == 1)) || return "$code"
}
export -f shard
export SEEDLOOP_SHARDS
PARALLEL_SHELL=$(command -v bash)
export PARALLEL_SHELL

parallel --quote --env shard --env SEEDLOOP_SHARDS --halt soon,fail=1 --line-buffer \
    shard '{}' "$program" campaign "$name" --seeds "$seeds" --out "$folder" "$@" \
    ::: $(seq 0 $((SEEDLOOP_SHARDS - 1)))
"$program" merge "$folder"
