#!/usr/bin/env bash
# Runs a campaign as a Slurm job array, for real: tests/campaign/slurm.sh [PROGRAM [NAME [SEEDS]]]
#
# Starts munge and Slurm on this machine, in a folder of their own and on free ports of 127.0.0.1,
# and submits deploy/slurm.sh as an array of eight shards. In the middle one shard is killed with
# SIGKILL, one is put back into the queue, and one gets the signal that comes before the limit of
# time, so that it puts itself back. What merge makes of the shards is then, byte for byte, what it
# makes of a campaign that one process has run from end to end, shard by shard. Two shards are
# submitted once more by themselves, which changes nothing.
#
# Needs root, slurmctld, slurmd and munged (Debian: slurm-wlm, munge) and python3. Takes a minute.
# Leaves nothing running and nothing behind; with KEEP=1, its folder. Exits with 1 if anything is not
# so.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/campaign/common.sh
source "$root/tests/campaign/common.sh"

program=$(realpath "${1:-$root/target/release/seedloop}")
name=${2:-bluetooth}
seeds=${3:-}

readonly SHARDS=8
readonly AT_A_TIME=4
# The shards that are killed, put back, and told that the limit of time is near.
readonly KILLED=1 REQUEUED=2 LIMITED=3
# How long one process is to take for the range, if none is given.
readonly SINGLE_S=12
readonly TIMEOUT_S=240

work=$(mktemp -d /tmp/seedloop-slurm-XXXXXX)
# munge wants a folder that nobody else may write to, and its own user may enter.
chmod 755 "$work"
export SLURM_CONF=$work/slurm.conf
daemons=()
job=

fail() {
    printf 'error: %s\n' "$1" >&2
    for log in slurmctld slurmd munged; do
        [[ ! -s $work/$log.log ]] || { printf -- '-- %s\n' "$log"; tail -15 "$work/$log.log"; } >&2
    done
    for log in "$work"/task-*.log; do
        [[ ! -s $log ]] || { printf -- '-- %s\n' "${log##*/}"; tail -15 "$log"; } >&2
    done
    exit 1
}

# The processes of this cluster's jobs, with a line of their environment: it names its configuration.
processes_of_jobs() {
    local file
    while read -r file; do
        ! grep -sqzx "${1:-SLURM_JOB_ID=[0-9]*}" "$file" || tr -cd '0-9\n' <<<"$file"
    done < <(grep -slzx "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ)
}

tear_down() {
    local code=$? process
    trap - EXIT
    [[ -z $job ]] || timeout 5 scancel --signal=KILL --full "$job" 2>/dev/null || true
    [[ -z $job ]] || timeout 5 scancel "$job" 2>/dev/null || true
    # Slurm's daemons have children of their own, whom they end if they are asked to.
    for process in "${daemons[@]}"; do
        kill -TERM "$process" 2>/dev/null || true
    done
    for _ in {1..50}; do
        kill -0 "${daemons[@]}" 2>/dev/null || break
        sleep 0.1
    done
    for process in "${daemons[@]}" $(processes_of_jobs); do
        kill -KILL "$process" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    # What keeps watch over the steps of a job has a name and a folder of its own.
    for process in /proc/[0-9]*; do
        { [[ $(<"$process/comm") == slurmstepd ]] &&
            readlink "$process"/fd/* | grep -q "^$work/"; } 2>/dev/null || continue
        kill -KILL "${process##*/}" 2>/dev/null || true
    done
    if [[ -n ${KEEP:-} ]]; then echo "kept: $work"; else rm -rf "$work"; fi
    exit "$code"
}
trap tear_down EXIT
trap 'exit 130' INT TERM

# until_so SECONDS WHAT COMMAND..: waits until a command succeeds.
until_so() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || fail "waited in vain until $what"
        sleep 0.1
    done
}

prepare() {
    local tool ports host
    ((EUID == 0)) || fail "it has to run as root, as Slurm's own daemons do here"
    for tool in munged mungekey slurmctld slurmd sbatch python3; do
        command -v "$tool" >/dev/null ||
            fail "$tool is missing: apt-get install slurm-wlm munge python3"
    done
    ports=$(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*[s.getsockname()[1] for s in sockets])')
    host=$(hostname -s)
    mkdir "$work/state" "$work/spool"
    cat >"$SLURM_CONF" <<CONF
ClusterName=campaign
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports% *}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# What is put back into the queue has to wait until its credentials are over: two minutes else.
AuthInfo=socket=$work/munge.socket,cred_expire=5
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
# No cgroups and no accounts: a container has none.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1
KillWait=2
ReturnToService=2
# It may say that it has more cores than the machine.
SlurmdParameters=config_overrides
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports#* } CPUs=$AT_A_TIME
PartitionName=all Nodes=ALL Default=YES MaxTime=UNLIMITED State=UP
CONF
}

start() {
    mungekey --create --keyfile "$work/munge.key"
    munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge.socket" \
        --pid-file="$work/munge.pid" --seed-file="$work/munge.seed" >"$work/munged.log" 2>&1 &
    daemons+=($!)
    until_so 10 "munge answers" munge --no-input --socket="$work/munge.socket"
    slurmctld -D >"$work/slurmctld.log" 2>&1 &
    daemons+=($!)
    slurmd -D >"$work/slurmd.log" 2>&1 &
    daemons+=($!)
    until_so 30 "the node is there" node_is_idle
}

node_is_idle() {
    [[ $(timeout 5 sinfo --noheader --format=%T) == idle ]]
}

# The process of a shard: the one that deploy/slurm.sh has started.
process_of() {
    local process parent
    for process in $(processes_of_jobs "SLURM_ARRAY_TASK_ID=$1"); do
        grep -sqzx campaign "/proc/$process/cmdline" || continue
        parent=$(awk '/^PPid:/ { print $2 }' "/proc/$process/status" 2>/dev/null) || continue
        grep -sqz 'slurm_script$' "/proc/$parent/cmdline" || continue
        printf '%s\n' "$process"
        return
    done
    return 1
}

# Something of the shard is on the disk, and it still runs.
is_in_the_middle() {
    [[ -s $work/many/shard-$(printf '%05d' "$1")-of-$(printf '%05d' "$SHARDS").jsonl ]] &&
        process_of "$1"
}

is_over() {
    [[ -z $(timeout 5 squeue --noheader --jobs="$1" 2>/dev/null) ]]
}

submit() {
    # From another folder, and with one of its own for what tasks print.
    (cd "$work" && SEEDLOOP_SHARDS=$SHARDS sbatch --parsable "--array=$1" --time=10 --mem=0 \
        --output="$work/task-%A-%a.log" "$root/deploy/slurm.sh" "$program" "$name" "$seeds" \
        "$work/many")
}

prepare
start
printf 'Slurm %s is there after %d s\n' "$(sbatch --version | cut -d' ' -f2)" "$SECONDS"

[[ -n $seeds ]] || seeds=$(measured_range "$SINGLE_S")
campaign "$seeds" --shards "$SHARDS" --out "$work/one"
single=$(merged one)
printf 'one process has run seeds %s of %s (%d s); merge ends with %d\n' \
    "$seeds" "$name" "$SECONDS" "$single"

job=$(submit "0-$((SHARDS - 1))%$AT_A_TIME")
until_so 60 "shard $KILLED is in the middle" is_in_the_middle "$KILLED"
sleep 0.5
process=$(process_of "$KILLED") || fail "shard $KILLED was over too soon; give it more seeds"
kill -KILL "$process"
printf 'killed shard %d\n' "$KILLED"
until_so 60 "shard $REQUEUED is in the middle" is_in_the_middle "$REQUEUED"
scontrol requeue "${job}_$REQUEUED"
printf 'put shard %d back into the queue (%d s)\n' "$REQUEUED" "$SECONDS"
until_so 60 "shard $LIMITED is in the middle" is_in_the_middle "$LIMITED"
# It complains although the signal arrives, as the log of the task shows.
scancel --batch --signal=USR1 "${job}_$LIMITED" || true
printf 'told shard %d that its time is over (%d s)\n' "$LIMITED" "$SECONDS"
until_so "$TIMEOUT_S" "the array is over" is_over "$job"
printf 'the array of %d shards is over (%d s)\n' "$SHARDS" "$SECONDS"

grep -q "shard $KILLED of .*: killed by signal 9" "$work/task-$job-$KILLED.log" ||
    fail "shard $KILLED was not killed"
for shard in "$REQUEUED" "$LIMITED"; do
    grep -q "shard $shard of .*, put back 1 times" "$work/task-$job-$shard.log" ||
        fail "shard $shard was not put back"
done
grep -q "shard $LIMITED of .*: the limit of time is near" "$work/task-$job-$LIMITED.log" ||
    fail "shard $LIMITED did not put itself back"
check_same "$single"

job=$(submit "3,5")
until_so 60 "the two shards are over" is_over "$job"
for shard in 3 5; do
    grep -q "shard $shard of $SHARDS: done" "$work/task-$job-$shard.log" ||
        fail "shard $shard does not know that it is done"
done
check_same "$single"
printf 'merged, byte for byte the same as of one process (%d s):\n' "$SECONDS"
cat "$work/many.txt"
