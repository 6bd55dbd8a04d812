#!/bin/bash
# The suite with $patience (a number on the kernel's command line) as $1: root, or an ordinary user who was handed a group of version 2 by chown, with subordinate ids.
group=/sys/fs/cgroup/handed-over
run='cd "$(readlink /guest/root)" && exec .venv/bin/python -m pytest -p no:cacheprovider --timeout $((120 * patience)) "${@}"'
mapfile -t arguments < /guest/arguments
if [ ${#arguments[@]} = 0 ]; then
    # Not the attacks on verdicts: they do not depend on the kernel, and are half of all.
    arguments=(tests/engine tests/attacks --ignore=tests/attacks/forging --ignore=tests/attacks/test_e_verdicts.py)
    [ "$1" = root ] && arguments+=(tests/vm/checks.py)
fi
export SEMI_INSTRUCT_TEST_PATIENCE="$patience" HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis

echo "$(uname -r), as $1"
if [ "$1" = root ]; then
    exec bash -c "$run" suite "${arguments[@]}"
fi
echo "+memory +pids" > /sys/fs/cgroup/cgroup.subtree_control
mkdir "$group"
chown "$1" "$group" "$group"/cgroup.{procs,threads,subtree_control}
chown "$1" "$(readlink /guest/root)" "$(readlink /guest/root)/.venv"
echo $$ > "$group/cgroup.procs"
exec setpriv --reuid "$1" --regid "$1" --init-groups --inh-caps -all \
    env HOME="/home/$1" USER="$1" bash -c "$run" suite "${arguments[@]}"
