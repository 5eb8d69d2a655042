#!/bin/bash
# Build the guest image from Debian packages alone: a qcow2 of about 17 MB that boots in seconds without KVM.
#
#   build.sh OUTPUT.qcow2 [WORKDIR]
#
# The image: MBR and one ext4 partition (extlinux, Debian's cloud kernel, a small initramfs, busybox, dropbear,
# e2fsprogs, udhcpc, acpid, QEMU's guest agent), made to size by a loop mount; needs root. The kernel package is
# taken from this machine if it is installed; else, as the agent's, downloaded and unpacked without being installed.
# User `alto`, password `altostack`, who may use sudo. See README.md here.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OUTPUT=${1:?usage: build.sh OUTPUT.qcow2 [WORKDIR]}
CACHE=${2:-/var/cache/altostack/guest}
GUEST_USER=alto
GUEST_PASSWORD=${GUEST_PASSWORD:-altostack}
SIZE_MB=96
START_SECTOR=2048
# The order in which the initramfs loads them: each needs those before it.
MODULES="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover
    virtio_net scsi_common scsi_mod sd_mod virtio_scsi cdrom sr_mod libata ata_piix libahci ahci isofs fat nls_cp437
    nls_ascii vfat button evdev rng-core virtio-rng virtio_balloon virtio_console"
PROGRAMS="/usr/sbin/dropbear /usr/bin/dropbearkey /sbin/mke2fs /sbin/resize2fs /sbin/e2fsck /sbin/blkid /bin/lsblk
    /usr/lib/openssh/sftp-server"

die() { printf 'guest image: %s\n' "$*" >&2; exit 1; }

cleanup() {
    if [ -n "${MOUNTED:-}" ]; then umount "$MOUNTED" || true; fi
    if [ -n "${LOOP:-}" ]; then losetup -d "$LOOP" || true; fi
    rm -rf "${WORK:-}"
}

# unpack_package NAME FOLDER: a Debian package's files in $CACHE/FOLDER, without installing it.
unpack_package() {
    [ ! -d "$CACHE/$2" ] || return 0
    mkdir -p "$CACHE"
    (cd "$CACHE" && apt-get download -q "$1") || die "could not download $1: is the network up?"
    rm -rf "$CACHE/$2.part"
    dpkg-deb -x "$CACHE/$1"_*.deb "$CACHE/$2.part" || die "$1 is damaged: remove $CACHE"
    rm -f "$CACHE/$1"_*.deb
    mv "$CACHE/$2.part" "$CACHE/$2"
}

# Set VMLINUZ and MODULE_DIR from the installed kernel package, or from a downloaded one.
find_kernel() {
    local release package
    for VMLINUZ in /boot/vmlinuz-*-cloud-amd64; do
        release=${VMLINUZ#/boot/vmlinuz-}
        MODULE_DIR=/lib/modules/$release
        [ -s "$VMLINUZ" ] && [ -d "$MODULE_DIR/kernel" ] && return 0
    done
    if [ ! -d "$CACHE/kernel" ]; then
        package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
        [ -n "$package" ] || die "apt knows no linux-image-cloud-amd64: run apt-get update"
        unpack_package "$package" kernel
    fi
    VMLINUZ=$(echo "$CACHE"/kernel/boot/vmlinuz-*)
    MODULE_DIR=$(echo "$CACHE"/kernel/lib/modules/*)
    [ -s "$VMLINUZ" ] || die "no kernel in $CACHE/kernel: remove that folder and try again"
}

# link_busybox DIR PREFIX: a link for each of busybox's programs.
link_busybox() {
    local applet
    for applet in $(/bin/busybox --list); do
        case $applet in busybox | dpkg* | rpm*) continue ;; esac
        [ -e "$1/$applet" ] || ln -s "${2}busybox" "$1/$applet"
    done
}

make_initramfs() {
    local dir=$WORK/initramfs name file
    mkdir -p "$dir"/{bin,modules,proc,sys,dev,root}
    cp /bin/busybox "$dir/bin/"
    link_busybox "$dir/bin" ""
    install -m 755 "$HERE/initramfs-init" "$dir/init"
    for name in $MODULES; do
        file=$(find "$MODULE_DIR/kernel" -name "$name.ko" -print -quit)
        [ -n "$file" ] || continue    # built into this kernel
        cp "$file" "$dir/modules/"
        echo "$name.ko" >>"$dir/modules/order"
    done
    (cd "$dir" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 | gzip -6) >"$WORK/initrd"
}

# copy_program FILE [ROOT]: a program (of the system below ROOT) and the shared libraries it names, at the same places.
copy_program() {
    local file=$1 root=${2:-} library
    mkdir -p "$TREE$(dirname "$file")"
    cp -L "$root$file" "$TREE$file"
    for library in $(ldd "$root$file" 2>/dev/null | grep -o '/[^ ]*'); do
        [ -e "$TREE$library" ] && continue
        mkdir -p "$TREE$(dirname "$library")"
        cp -L "$library" "$TREE$library"
    done
}

write_accounts() {
    local hash
    hash=$(openssl passwd -6 -salt altostackguest "$GUEST_PASSWORD")
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n%s:x:1000:1000::/home/%s:/bin/sh\n' \
        $GUEST_USER $GUEST_USER >"$TREE/etc/passwd"
    printf 'root:*:19000:0:99999:7:::\n%s:%s:19000:0:99999:7:::\n' $GUEST_USER "$hash" >"$TREE/etc/shadow"
    printf 'root:x:0:\ntty:x:5:\ndisk:x:6:%s\nnogroup:x:65534:\n%s:x:1000:\n' $GUEST_USER $GUEST_USER >"$TREE/etc/group"
    chmod 640 "$TREE/etc/shadow"
    mkdir -p "$TREE/home/$GUEST_USER"
    chown -R 1000:1000 "$TREE/home/$GUEST_USER"
}

write_etc() {
    echo altostack >"$TREE/etc/hostname"
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >"$TREE/etc/hosts"
    echo /bin/sh >"$TREE/etc/shells"
    printf 'Altostack guest \\n on \\l. User: %s, password: %s\n\n' $GUEST_USER "$GUEST_PASSWORD" >"$TREE/etc/issue"
    echo 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' >"$TREE/etc/profile"
    printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' >"$TREE/etc/nsswitch.conf"
    printf '/dev/root / ext4 noatime 0 0\n' >"$TREE/etc/fstab"
    printf '[defaults]\n\tbase_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr\n\tblocksize = 4096\n\tinode_size = 256\n\tinode_ratio = 16384\n[fs_types]\n\tsmall = {\n\t\tinode_ratio = 4096\n\t}\n\tfloppy = {\n\t\tinode_ratio = 8192\n\t}\n\tbig = {\n\t\tinode_ratio = 32768\n\t}\n\text3 = {\n\t\tfeatures = has_journal\n\t}\n\text4 = {\n\t\tfeatures = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize\n\t}\n' >"$TREE/etc/mke2fs.conf"
    touch "$TREE/etc/resolv.conf"
}

make_tree() {
    local program
    mkdir -p "$TREE"/{bin,sbin,usr/bin,usr/sbin,usr/lib,lib,lib64,etc/dropbear,proc,sys,dev,run,tmp,mnt,media,root,home,var/lib,var/log,boot/extlinux,usr/local/bin}
    chmod 1777 "$TREE/tmp"; chmod 700 "$TREE/root"
    ln -s ../run "$TREE/var/run"; ln -s ../tmp "$TREE/var/tmp"; ln -s /proc/mounts "$TREE/etc/mtab"
    for program in $PROGRAMS; do copy_program "$program"; done
    unpack_package qemu-guest-agent agent
    # its libraries are this machine's: QEMU needs the same ones
    ! ldd "$CACHE/agent/usr/sbin/qemu-ga" | grep -q 'not found' || die "qemu-system-x86 is not installed: its libraries are missing"
    copy_program /usr/sbin/qemu-ga "$CACHE/agent"
    for program in mkfs.ext2 mkfs.ext3 mkfs.ext4; do ln -sf mke2fs "$TREE/sbin/$program"; done
    ln -sf e2fsck "$TREE/sbin/fsck.ext4"
    ln -s openssh/sftp-server "$TREE/usr/lib/sftp-server"    # where dropbear looks for it
    cp -a --no-preserve=ownership "$HERE/rootfs/." "$TREE/"
    cp /bin/busybox "$TREE/bin/busybox"
    # setuid, as busybox is made for: it gives up root for all but the likes of ping and su
    chmod 4755 "$TREE/bin/busybox"
    for program in init poweroff halt reboot getty udhcpc ip mdev insmod modprobe syslogd; do ln -sf ../bin/busybox "$TREE/sbin/$program"; done
    rm -f "$TREE"/bin/{mke2fs,blkid}
    link_busybox "$TREE/bin" ""
    rm -f "$TREE"/bin/mke2fs
    # dropbear gives its commands the PATH /usr/bin:/bin only
    for program in blkid mke2fs mkfs.ext2 mkfs.ext3 mkfs.ext4 resize2fs e2fsck; do ln -sf "../sbin/$program" "$TREE/bin/$program"; done
    python3 "$HERE/make_sudo.py" "$TREE/usr/bin/sudo"
    chown 0:1000 "$TREE/usr/bin/sudo"; chmod 4750 "$TREE/usr/bin/sudo"
    write_accounts
    write_etc
    cp "$VMLINUZ" "$TREE/boot/vmlinuz"
    cp "$WORK/initrd" "$TREE/boot/initrd"
    cat >"$TREE/boot/extlinux/extlinux.conf" <<CONF
DEFAULT linux
PROMPT 0
TIMEOUT 1
LABEL linux
    LINUX /boot/vmlinuz
    INITRD /boot/initrd
    APPEND root=LABEL=altoroot rw console=tty0 console=ttyS0,115200n8 loglevel=6 net.ifnames=0 mitigations=off tsc=unstable random.trust_cpu=on
CONF
}

# A boot sector: the loader, a disk id, one bootable Linux partition up to the end of the disk.
write_mbr() {
    python3 - "$1" $START_SECTOR $((SIZE_MB * 2048 - START_SECTOR)) <<'PY'
import struct, sys
start, sectors = int(sys.argv[2]), int(sys.argv[3])
loader = open("/usr/lib/EXTLINUX/mbr.bin", "rb").read(440).ljust(440, b"\0")
entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", start, sectors)
with open(sys.argv[1], "r+b") as disk:
    disk.write(loader + struct.pack("<IH", 0xA1705EED, 0) + entry + bytes(48) + b"\x55\xaa")
PY
}

# Put the tree on an ext4 partition of a raw disk, and a boot loader before it.
make_disk() {
    local raw=$WORK/disk.raw
    truncate -s ${SIZE_MB}M "$raw"
    write_mbr "$raw"
    LOOP=$(losetup --find --show --offset $((START_SECTOR * 512)) "$raw") || die "no loop device: is the loop module there?"
    mke2fs -q -t ext4 -L altoroot -m 0 -b 4096 -J size=4 -E lazy_itable_init=0,nodiscard,resize=4194304 -O ^64bit,^metadata_csum "$LOOP"
    mkdir "$WORK/mnt"
    mount "$LOOP" "$WORK/mnt"
    MOUNTED=$WORK/mnt
    cp -a "$TREE/." "$MOUNTED/"
    extlinux --install "$MOUNTED/boot/extlinux" >/dev/null 2>&1 || die "extlinux could not install its loader"
    umount "$MOUNTED"; MOUNTED=
    losetup -d "$LOOP"; LOOP=
    mkdir -p "$(dirname "$OUTPUT")"
    qemu-img convert -c -f raw -O qcow2 "$raw" "$OUTPUT.part"
    mv "$OUTPUT.part" "$OUTPUT"
}

[ "$(id -u)" = 0 ] || die "building it needs root (a loop mount)"
trap cleanup EXIT
WORK=$(mktemp -d "${TMPDIR:-/tmp}/altostack-guest.XXXXXX")
TREE=$WORK/tree
find_kernel
make_initramfs
make_tree
make_disk
printf 'guest image: %s, %d KiB\n' "$OUTPUT" $(($(stat -c %s "$OUTPUT") / 1024))
