"""A guest small enough for emulation: Debian's cloud kernel and a shell that tells its serial line what it sees.

It prints `BOOTED <n>` (n counts its boots, kept on the root disk), then `disks: vda=SECTORS …` and `nics: MAC …` whenever
they change, writes `hello` to every disk but the root when it appears, and shuts down when its power button is pressed.
"""

import gzip
import os
import pathlib
import subprocess

_MODULES = (
    "virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk failover net_failover "
    "virtio_net button evdev virtio-rng virtio_balloon"
).split()
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
exec >/dev/ttyS0 2>&1 </dev/null
for m in /modules/*.ko; do insmod $m; done
sleep 0.3
n=$(dd if=/dev/vda bs=512 count=1 2>/dev/null | tr -d '\\0' | head -c 8)
n=$((${n:-0} + 1)); printf "%-8d" $n | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null
echo "BOOTED $n"
for e in /dev/input/event*; do (dd if=$e bs=24 count=1 2>/dev/null >/dev/null; echo POWER BUTTON; sync; poweroff -f) & done
while :; do
  d=""; for b in /sys/block/vd*; do d="$d ${b##*/}=$(cat $b/size)"; done
  i=""; for c in /sys/class/net/e*; do [ -e $c ] && i="$i $(cat $c/address)"; done
  if [ "$d" != "$od" ]; then
    for b in /sys/block/vd*; do x=${b##*/}; [ $x = vda ] && continue
      case "$od" in *$x=*) ;; *) echo hello | dd of=/dev/$x conv=notrunc,fsync 2>/dev/null; echo "wrote $x";; esac; done
    echo "disks:$d"; od="$d"; fi
  if [ "$i" != "$oi" ]; then echo "nics:$i"; oi="$i"; fi
  sleep 0.3
done
"""


_ROOT = pathlib.Path(os.environ.get("ALTOSTACK_TEST_KERNEL_DIR", "/"))
"""Where Debian's cloud kernel is, installed or (by test.sh) unpacked."""


def kernel() -> str | None:
    """Debian's cloud kernel, if it is here."""
    return next(iter(sorted(str(found) for found in _ROOT.glob("boot/vmlinuz-*-cloud-amd64"))), None)


def build_initramfs(folder: pathlib.Path) -> pathlib.Path:
    """Make the guest's initramfs in `folder`."""
    path = kernel()
    assert path is not None
    modules = _ROOT / "lib/modules" / os.path.basename(path).removeprefix("vmlinuz-")
    tree = folder / "tree"
    for name in ("bin", "dev", "proc", "sys", "modules"):
        (tree / name).mkdir(parents=True)
    (tree / "bin/busybox").write_bytes(pathlib.Path("/bin/busybox").read_bytes())
    (tree / "bin/busybox").chmod(0o755)
    for number, module in enumerate(_MODULES):
        found = next(modules.rglob(module + ".ko"))
        (tree / "modules" / f"{number:02d}-{module}.ko").write_bytes(found.read_bytes())
    (tree / "init").write_text(_INIT)
    (tree / "init").chmod(0o755)
    names = "\n".join(str(p.relative_to(tree)) for p in sorted(tree.rglob("*")))
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"],
        input=names.encode(),
        cwd=tree,
        check=True,
        capture_output=True,
    )
    out = folder / "initramfs.gz"
    out.write_bytes(gzip.compress(archive.stdout, 1))
    return out
