#!/bin/bash
# One shard of a campaign in each task of a Slurm job array:
#
#   export SEEDLOOP_SHARDS=64
#   sbatch --array=0-63%16 deploy/slurm.sh PROGRAM NAME SEEDS DIR [OPTION..]
#
# PROGRAM has the commands of seedloop, as target/release/seedloop; NAME is what it explores, SEEDS a
# range such as 0..1_000_000_000, DIR a folder that all nodes share. What else is given goes to the
# campaign. The shards of a campaign are as many each time: SEEDLOOP_SHARDS says so, and never the
# array, which may be a part of them, as in --array=3,5.
#
# What to change to suit the cluster, here or on the command line of sbatch, which goes before this:
#SBATCH --job-name=seedloop
# %16: at most 16 tasks at a time.
#SBATCH --array=0-63%16
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
# A shard may take longer: it is put back into the queue in time, and goes on.
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
# After a node has failed, too. What it printed before is kept.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A-%a.log
set -uo pipefail

# How often a shard is started that was killed, for want of memory perhaps, or had no room on the disk
# or no process to make its runs.
readonly ATTEMPTS=3
# How long the next attempt waits: a disk is not emptied at once.
readonly AFTER_KILL_S=2 AFTER_SHORTAGE_S=60

usage="usage: SEEDLOOP_SHARDS=N sbatch --array=0-(N-1) slurm.sh PROGRAM NAME SEEDS DIR [OPTION..]"
(($# >= 4)) || { echo "$usage" >&2; exit 2; }
[[ -n ${SEEDLOOP_SHARDS:-} ]] || { echo "SEEDLOOP_SHARDS is not set; $usage" >&2; exit 2; }
[[ -n ${SLURM_ARRAY_TASK_ID:-} ]] || { echo "no task of an array; $usage" >&2; exit 2; }
program=$1 name=$2 seeds=$3 folder=$4
shift 4

task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
say() {
    printf 'slurm: task %s, shard %s of %s: %s\n' \
        "$task" "$SLURM_ARRAY_TASK_ID" "$SEEDLOOP_SHARDS" "$1"
}

# How often it was told that the limit of time is near. Only that sends this signal: who cancels the
# job wants no more of it.
child=
told=0
trap '((told += 1)); [[ -z $child ]] || kill -TERM "$child" 2>/dev/null' USR1

# Runs the shard until it ends by itself or is ended, and leaves its exit code in `code`. In the
# background, as bash hears signals only while it waits.
run() {
    "$program" campaign "$name" --seeds "$seeds" --out "$folder" "$@" &
    child=$!
    # The signal may have come just before there was a child.
    ((told == 0)) || kill -TERM "$child" 2>/dev/null
    # A signal of our own ends the wait, and not the shard.
    while
        before=$told
        wait "$child"
        code=$?
        ((before != told))
    do :; done
    child=
}

# Waits so many seconds, or until a signal comes.
pause() {
    sleep "$1" &
    local sleeper=$!
    wait "$sleeper"
    kill "$sleeper" 2>/dev/null
}

put_back() {
    say "the limit of time is near; it goes on from the queue"
    scontrol requeue "$task" || exit "$code"
    # Slurm ends this task now.
    sleep 60
    exit "$code"
}

# Nothing was run yet.
code=4
for ((attempt = 1; attempt <= ATTEMPTS; attempt++)); do
    # While it waited.
    ((told == 0)) || put_back
    say "starts on $(hostname), attempt $attempt of $ATTEMPTS, put back ${SLURM_RESTART_COUNT:-0} times"
    run "$@"
    case $code in
    0) say "done, without failures"; exit 0 ;;
    # As often as it is started: these failures are what it is for.
    1) say "done, with failures"; exit 1 ;;
    esac
    ((told == 0)) || put_back
    case $code in
    3) after_s=$AFTER_SHORTAGE_S; say "its file could not be written" ;;
    4) after_s=$AFTER_SHORTAGE_S; say "no more runs could be made" ;;
    *)
        # What else it complains about itself is the same the next time.
        ((code > 128)) || { say "ended with exit code $code"; exit "$code"; }
        after_s=$AFTER_KILL_S
        say "killed by signal $((code - 128))"
        ;;
    esac
    ((attempt == ATTEMPTS)) || pause "$after_s"
done
say "tried $ATTEMPTS times, and given up"
exit "$code"
