#!/bin/bash
# Further "machines" on this one: each is a set of namespaces (mount, network, host name, processes) whose root is this
# machine's, copy-on-write. What is installed here is installed there; what it writes is its own.
# Needs common.sh, config.sh. Kernel: overlayfs, network namespaces, veth.

# What a machine finds empty, although this one has it: it is another computer.
LAB_OWN_DIRS="run tmp etc/altostack var/lib/altostack var/log/altostack var/lib/libvirt/qemu etc/libvirt/qemu root/.config root/.ssh"

lab_config() {
    : "${LAB_DIR:=/var/lib/altostack-lab}" "${LAB_BRIDGE:=br-lab}"
    : "${LAB_ADDRESS:=192.168.233.1}"      # this machine's; further ones get .11, .12, ...
    LAB_PREFIX=${LAB_ADDRESS%.*}
    # shellcheck disable=SC2034  # lab.sh reads it
    OWN_ADDRESS=$HOST_IP
    # the cloud's own address, when other machines can reach it already
    case $HOST_IP in 127.*) HOST_IP=$LAB_ADDRESS ;; esac
}

lab_name() { echo "${HOST_NAME%%.*}-$1"; }
lab_names() { [ ! -d "$LAB_DIR" ] || find "$LAB_DIR" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort -V; }
lab_address() { cat "$LAB_DIR/$1/address"; }
lab_pid() { cat "$LAB_DIR/$1/pid" 2>/dev/null; }

# Does the machine run? The process that holds it has its name among its arguments.
lab_running() { running "$LAB_DIR/$1/pid" "altostack-lab $1 "; }

# Why this machine cannot carry others, or nothing.
lab_missing() {
    [ "$(id -u)" = 0 ] || { echo "this needs root"; return; }
    local try
    grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || { echo "this kernel has no overlayfs"; return; }
    mkdir -p "$LAB_DIR"
    try=$(mktemp -d "$LAB_DIR/.try.XXXXXX")
    mkdir "$try"/{upper,work,root}
    unshare --mount --net --pid --uts --fork mount -t overlay none -o "$(lab_overlay / "$try/upper" "$try/work")" "$try/root" 2>/dev/null ||
        echo "namespaces or an overlay of / cannot be made here (a container without the rights?)"
    rm -rf "$try"
    rmdir "$LAB_DIR" 2>/dev/null || true
}

lab_overlay() { echo "lowerdir=$1,upperdir=$2,workdir=$3"; }

# The network that joins the machines, like a switch; they reach the world through this one.
lab_net_make() {
    if ! ip link show "$LAB_BRIDGE" >/dev/null 2>&1; then ip link add "$LAB_BRIDGE" type bridge; fi
    ip link set "$LAB_BRIDGE" up
    ip addr replace "$LAB_ADDRESS/24" dev "$LAB_BRIDGE"
    sysctl -q -w net.ipv4.ip_forward=1
    nft -f - <<NFT
table ip altolab
delete table ip altolab
table ip altolab {
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        ip saddr $LAB_PREFIX.0/24 ip daddr != $LAB_PREFIX.0/24 oifname != { "$LAB_BRIDGE", "brq*" } masquerade
    }
}
NFT
}

lab_net_remove() {
    nft delete table ip altolab 2>/dev/null || true
    ip link delete "$LAB_BRIDGE" 2>/dev/null || true
}

# The first address that no machine has.
lab_free_address() {
    local number
    for number in {11..250}; do
        if ! grep -qsxF "$LAB_PREFIX.$number" "$LAB_DIR"/*/address; then echo "$LAB_PREFIX.$number"; return; fi
    done
}

# lab_boot NAME: switch a machine on; its files stay from one time to the next.
lab_boot() {
    local name=$1 dir=$LAB_DIR/$1 own
    if lab_running "$name"; then echo "$name runs already"; return 0; fi
    if [ ! -s "$dir/address" ]; then
        mkdir -p "$dir"/{upper,work,root}
        lab_free_address >"$dir/address"
        for own in $LAB_OWN_DIRS; do
            mkdir -p "$dir/upper/$own"
            python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.overlay.opaque", b"y")' "$dir/upper/$own"
        done
        chmod 1777 "$dir/upper/tmp"
    fi
    find "$dir/upper/run" -mindepth 1 -delete
    lab_link "$name"
    # as PID 1 it must not collect zombies: ignoring SIGCHLD, the kernel does it
    detach "$dir/console" ip netns exec "altolab-$name" unshare --mount --uts --ipc --pid --fork --kill-child --propagation private -- \
        bash "${BASH_SOURCE[0]}" altostack-lab "$name" "$dir"
    echo "$DETACHED_PID" >"$dir/pid"
    wait_until 10 test -e "$dir/upper/run/up" || fail "the machine $name did not start" "$dir/console" "dmesg | tail"
}

# A cable from the machine to the bridge.
lab_link() {
    local name=$1 ns=altolab-$1 port
    port=lab${name##*-}
    ip netns delete "$ns" 2>/dev/null || true
    ip link delete "$port" 2>/dev/null || true
    ip netns add "$ns"
    ip link add "$port" type veth peer name eth0 netns "$ns"
    ip link set "$port" master "$LAB_BRIDGE" up
    ip -n "$ns" link set lo up
    ip -n "$ns" link set eth0 up
    ip -n "$ns" addr add "$(lab_address "$name")/24" dev eth0
    ip -n "$ns" route add default via "$LAB_ADDRESS"
}

# Inside the new namespaces, before anything else: the root, and what every root has.
lab_init() {
    local name=$1 dir=$2 root=$2/root
    mount -t overlay "altolab-$name" -o "$(lab_overlay / "$dir/upper" "$dir/work")" "$root"
    lab_other_disks "$dir"
    lab_checkout "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    if [ -d /sys/fs/cgroup ]; then mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"; fi
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/dev/shm"
    echo "$name" >/proc/sys/kernel/hostname
    mkdir -p "$root/run/lock" "$root/run/netns" "$root/run/old"
    cd "$root"
    pivot_root . run/old
    umount -l /run/old
    rmdir /run/old
    touch /run/up
    exec env --ignore-signal=CHLD sleep infinity
}

# This checkout, where it lies in a folder that the machine has empty.
lab_checkout() {
    local own project
    project=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
    for own in $LAB_OWN_DIRS; do
        case $project in "/$own"/*)
            mkdir -p "$1$project"
            mount --bind "$project" "$1$project"
            ;;
        esac
    done
}

# Disks mounted elsewhere than at / (home, opt, ...): a copy-on-write layer for each, too.
lab_other_disks() {
    local dir=$1 place kind number=0
    while read -r _ place kind _; do
        case $place in / | /proc* | /sys* | /dev* | /run* | /tmp* | "${dir%/*}"*) continue ;; esac
        case $kind in ext[234] | xfs | btrfs | zfs | f2fs | overlay) ;; *) continue ;; esac
        number=$((number + 1))
        mkdir -p "$dir/disk$number"/{upper,work}
        mount -t overlay none -o "$(lab_overlay "$place" "$dir/disk$number/upper" "$dir/disk$number/work")" "$dir/root$place"
    done < <(cat /proc/self/mounts)
}

# lab_run NAME COMMAND...: in that machine, as its root.
lab_run() {
    local name=$1 pid
    shift
    lab_running "$name" || { echo "the machine $name does not run" >&2; return 1; }
    pid=$(lab_first_process "$name")
    nsenter --target "$pid" --mount --uts --ipc --net --pid -- env HOME=/root "$@"
}

# lab_write NAME PATH: standard input becomes a file of that machine (from within: a layer in use must not be changed under it).
# shellcheck disable=SC2016  # expanded there
lab_write() { lab_run "$1" sh -c 'umask 077; mkdir -p "$(dirname "$0")"; cat >"$0"' "$2"; }

# unshare's only child is the machine's first process.
lab_first_process() { tr -d ' ' <"/proc/$(lab_pid "$1")/task/$(lab_pid "$1")/children"; }

# As a power cut: everything in it dies at once; its files stay.
lab_kill() {
    local pid
    if lab_running "$1"; then
        pid=$(lab_pid "$1")
        kill -KILL "$pid"
        wait_until 10 pid_gone "$pid" || true
    fi
    rm -f "$LAB_DIR/$1/pid"
    ip link delete "lab${1##*-}" 2>/dev/null || true
    ip netns delete "altolab-$1" 2>/dev/null || true
}

lab_delete() {
    lab_kill "$1"
    wait_until 10 rm -rf "$LAB_DIR/${1:?}" || fail "$LAB_DIR/$1 could not be removed" "" "findmnt | grep $LAB_DIR"
    rmdir "$LAB_DIR" 2>/dev/null || true
}

if [ "${1:-}" = altostack-lab ] && [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    lab_init "$2" "$3"
fi
