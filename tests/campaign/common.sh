# shellcheck shell=bash
# What the tests of engines have in common. They set `program`, `name` and `work`, a folder of theirs,
# and have a function `fail`.
# shellcheck disable=SC2154

# No shard but those that the test means.
while read -r variable; do
    unset "$variable"
done < <(compgen -e |
    grep -E '^(SEEDLOOP_|SLURM_|PARALLEL|JOB_COMPLETION_INDEX$|AWS_BATCH_JOB_ARRAY_INDEX$)')

# Runs a campaign, whose exit code is to be 0 or 1: without failures, or with some.
campaign() {
    local code=0
    "$program" campaign "$name" --seeds "$@" >"$work/single.log" 2>&1 || code=$?
    ((code <= 1)) || { cat "$work/single.log"; fail "exit code $code from campaign $name $*"; }
}

# measured_range SECONDS: prints a range that one process takes so long for.
measured_range() {
    local count=2000 begin took=0
    while true; do
        begin=$(date +%s%N)
        campaign "0..$count" --out "$work/measured-$count"
        took=$((($(date +%s%N) - begin) / 1000000))
        ((took < 1000)) || break
        count=$((count * 4))
    done
    printf '0..%d\n' $((count * $1 * 1000 / took))
}

# merged FOLDER: leaves in FOLDER.txt and FOLDER.merged what merge makes of a folder in `work`, and
# tells its exit code.
merged() {
    local code=0
    (cd "$work" && "$program" merge "$1" --out "$work/$1.merged") >"$work/$1.txt" 2>&1 || code=$?
    printf '%d\n' "$code"
}

# check_same EXIT_CODE: that merge makes the same of the folder `many` as it made of `one`, for which
# it had that exit code.
check_same() {
    local code
    code=$(merged many)
    ((code == $1)) || fail "merge ends with $code, and with $1 for one process"
    cmp "$work/one.txt" "$work/many.txt" || fail "merge prints something else than for one process"
    cmp "$work/one.merged" "$work/many.merged" || fail "merge writes something else"
}
