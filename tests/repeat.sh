#!/bin/bash
# `make test-repeat`: the whole suite several times in a row, the second and fourth time beside a busy loop and a script
# that writes and deletes files. Prints a table of what failed when; ends with status 1 if anything did.
#
#     SIDE_BY_SIDE="folders ..." tests/repeat.sh PYTHON LOGS [TIMES]
set -u
python=$1 logs=$2 times=${3:-5}
mkdir -p "$logs"
rm -f "$logs"/run-*.log "$logs"/failures
touch "$logs/failures"
beside=()

spin() { while :; do :; done; }

write_files() {
    while :; do
        for folder in /tmp /var/tmp /dev/shm; do
            file=$(mktemp "$folder/test-repeat.XXXXXX") || continue
            head -c 65536 /dev/zero > "$file"
            mkdir "$file.d" && rmdir "$file.d"
            rm -f "$file"
        done
    done
}

end_beside() {
    for pid in "${beside[@]}"; do kill "$pid"; done 2>/dev/null
    wait "${beside[@]}" 2>/dev/null
    beside=()
    rm -rf /tmp/test-repeat.?????? /var/tmp/test-repeat.?????? /dev/shm/test-repeat.??????
}
trap end_beside EXIT
trap 'exit 130' INT TERM

suite() {  # $1 the number of the run, the rest: arguments of pytest
    local run=$1; shift
    "$python" -m pytest -q -rfE "$@" >> "$logs/run-$run.log" 2>&1
    local status=$?
    # 1 says that tests failed, which are named; anything else but 0, that the suite itself did not come to its end.
    [ $status -le 1 ] || echo "$run (pytest ended with status $status: ${*:1:3})" >> "$logs/failures"
}

for run in $(seq "$times"); do
    manner=quiet
    if [ "$run" = 2 ] || [ "$run" = 4 ]; then
        manner="beside a busy loop and a writer"
        spin & beside+=($!)
        write_files & beside+=($!)
    fi
    started=$SECONDS
    ignored=()
    for folder in $SIDE_BY_SIDE; do ignored+=("--ignore=$folder"); done
    suite "$run" "${ignored[@]}"
    # shellcheck disable=SC2086  # a list of words
    suite "$run" -n auto --dist worksteal $SIDE_BY_SIDE
    [ ${#beside[@]} = 0 ] || end_beside
    grep -E '^(FAILED|ERROR) ' "$logs/run-$run.log" | sed -E "s/^(FAILED|ERROR) /$run /; s/ - .*//" >> "$logs/failures"
    echo "run $run ($manner): $((SECONDS - started)) s, $(grep -c "^$run " "$logs/failures") failures;" \
        "$(grep -E '(passed|failed|error).* in ' "$logs/run-$run.log" | tr '\n' ';')"
done

echo
if [ ! -s "$logs/failures" ]; then
    echo "nothing failed in $times runs"
    exit 0
fi
printf '%-8s %s\n' runs "test (logs: $logs)"
cut -d' ' -f2- "$logs/failures" | sort -u | while IFS= read -r name; do
    runs=$(awk -v name="$name" '{ run = $1; sub(/^[^ ]+ /, "") } $0 == name { printf "%s ", run }' "$logs/failures")
    printf '%-8s %s\n' "$runs" "$name"
done
exit 1
