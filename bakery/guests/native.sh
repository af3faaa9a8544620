#!/usr/bin/env bash
# Boots the file systems of a raw disk with systemd-nspawn, on the kernel of this machine, until it is switched off.
# Run in network and mount namespaces of its own, by native.py: what is mounted here is seen here alone, and goes with us.
# Usage: native.sh NAME DISK ROOT SEED GROWN TARGET:OFFSET:SIZE:OPTIONAL...
# SIGTERM ends the machine at once, SIGUSR1 switches it off in order.
set -euo pipefail
name=$1 disk=$2 root=$3 seed=$4 is_grown=$5
shift 5

readonly REBOOTED=133 # what systemd-nspawn ends with then, with --keep-unit (its source, EXIT_FORCE_RESTART)
child='' group='' loop='' devices=()

end() {
    # Not systemd-nspawn alone: what it started may outlive it.
    [[ -z $group ]] || find "$group" -name cgroup.procs -exec cat {} + | xargs --no-run-if-empty kill -KILL 2>/dev/null || true
    wait || true
    leave_group
    [[ -z $loop ]] || losetup --detach "$loop"
}

# The kernel needs a moment to bury what was killed.
leave_group() {
    local left=50
    while [[ -n $group && -d $group ]] && ((left--)); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
    group=''
}

mount_places() {
    local place target offset size is_optional
    for place in "$@"; do
        IFS=: read -r target offset size is_optional <<<"$place"
        mount -o "loop,offset=$offset,sizelimit=$size" "$disk" "$root$target" || [[ $is_optional == yes ]] || return
        devices+=("$(findmnt --noheadings --output SOURCE --mountpoint "$root$target" || true)")
    done
}

# What a first boot does with the partition, before it, because here there is none. Not while it is mounted, which takes
# a right that root has not everywhere.
grow() {
    local target offset size
    IFS=: read -r target offset size _ <<<"$1"
    loop=$(losetup --find --show --offset "$offset" --sizelimit "$size" "$disk")
    e2fsck -fp "$loop" || (($? == 1))
    resize2fs "$loop"
    losetup --detach "$loop"
    loop=''
}

# A tree of its own, without the controllers where they are still the first version's: systemd and Docker ask for the tree.
mount_groups() {
    umount --recursive /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
}

wait_for_network() {
    local left=100
    ip link set lo up
    until ip link show eth0 >/dev/null 2>&1; do
        ((left--)) || return
        sleep 0.1
    done
}

boot() {
    local device options=()
    for device in "${devices[@]}"; do
        [[ -z $device ]] || options+=(--bind="$device")
    done
    group=$(mktemp --directory "/sys/fs/cgroup/bakery-$name-XXXXXX")
    (
        echo 0 >"$group/cgroup.procs"
        # Beyond what systemd-nspawn allows by itself: Docker's networks, its keyrings, and its rules for devices.
        exec systemd-nspawn --quiet --boot --directory="$root" --machine="$name" --register=no --keep-unit \
            --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
            --capability=CAP_NET_ADMIN --system-call-filter='add_key keyctl bpf' "${options[@]}"
    ) </dev/null &
    child=$!
}

trap end EXIT
trap 'exit 143' TERM INT HUP
trap 'kill -TERM "$child"' USR1

[[ $is_grown == no ]] || grow "$1"
mount_places "$@"
install -D -t "$root/var/lib/cloud/seed/nocloud" "$seed"/*
mount_groups
# systemd-nspawn keeps a lock for each machine there, and one machine knows nothing of another.
mount -t tmpfs -o mode=0755 tmpfs /run
wait_for_network
# Docker's packets are filtered in the machine's own network alone; all else of /proc and /sys is this machine's.
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
while true; do
    boot
    # `wait` ends with each signal, too.
    while kill -0 "$child" 2>/dev/null; do wait "$child" && code=0 || code=$?; done
    child=''
    leave_group
    ((code == REBOOTED)) || exit "$code"
done
