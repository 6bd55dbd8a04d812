#!/bin/busybox sh
# Pid 1 until the disk is mounted.
PATH=/bin
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod "$module"; done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root && /bin/busybox mount --move /dev /root/dev || /bin/busybox poweroff -f
exec /bin/busybox switch_root /root /guest/init.sh
