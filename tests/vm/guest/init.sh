#!/bin/bash
# Pid 1 of the guest. Mounts what a system without systemd has, runs the suite as $privilege (a word on the kernel's
# command line), tells the host how it ended on the second serial line, and switches the machine off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate cgroup2 /sys/fs/cgroup
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
mkdir -p /dev/shm /dev/pts /dev/mqueue /run/lock
mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
mount -t devpts -o gid=5,mode=620 devpts /dev/pts
mount -t mqueue mqueue /dev/mqueue
ln -s /proc/self/fd /dev/fd
for number in 0,stdin 1,stdout 2,stderr; do ln -s "/proc/self/fd/${number%,*}" "/dev/${number#*,}"; done
ip link set lo up
hostname guest

/guest/suite.sh "$privilege" 2>&1 | tee /run/console
status=${PIPESTATUS[0]}
echo "$status $(grep -E '^[^ ]*(=+ )?.*(passed|failed|error).* in ' /run/console | tail -n 1)" > /dev/ttyS1
sync
busybox poweroff -f
