"""Whether hardware virtualization really works here.

`/dev/kvm` may exist and yet hang every guest (nested clouds), so its presence proves nothing. The CPU flags must be there,
and a guest of one disk sector, which only reports itself through QEMU's exit device, must do so in time.
"""

import logging
import os
import tempfile

from common import process

LOG = logging.getLogger(__name__)
QEMU = "qemu-system-x86_64"
_ANSWER = 0x10
# mov dx, 0xf4; mov al, _ANSWER; out dx, al; hlt
_SECTOR = (bytes([0xBA, 0xF4, 0x00, 0xB0, _ANSWER, 0xEE, 0xF4])).ljust(510, b"\0") + b"\x55\xaa"


def works(timeout_s: float, device: str = "/dev/kvm", cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Whether guests can run under KVM; the reason why not is logged."""
    if not os.path.exists(device):
        LOG.info("no KVM: %s does not exist", device)
        return False
    if not _cpu_has_virtualization(cpuinfo):
        LOG.info("no KVM: the CPU shows neither vmx nor svm")
        return False
    if not probe("kvm", timeout_s):
        LOG.warning(
            "no KVM: a probe guest did not answer within %.0f s although %s exists", timeout_s, device
        )
        return False
    return True


def probe(accelerator: str, timeout_s: float) -> bool:
    """Boot the one-sector guest under `accelerator` (kvm, tcg); true when it answers in time."""
    with tempfile.NamedTemporaryFile(prefix="altostack-probe-") as disk:
        disk.write(_SECTOR)
        disk.flush()
        try:
            code, _, _ = process.execute(
                [
                    QEMU,
                    "-machine",
                    "pc",
                    "-accel",
                    accelerator,
                    "-m",
                    "16",
                    "-nodefaults",
                    "-no-user-config",
                    "-display",
                    "none",
                    "-drive",
                    f"file={disk.name},format=raw,if=ide,readonly=off",
                    "-device",
                    "isa-debug-exit,iobase=0xf4,iosize=1",
                    "-no-reboot",
                ],
                timeout_s=timeout_s,
            )
        except process.CommandError as e:
            LOG.debug("probe guest: %s", e)
            return False
    return code == (_ANSWER << 1) | 1


def _cpu_has_virtualization(cpuinfo: str) -> bool:
    try:
        with open(cpuinfo) as f:
            return any(line.startswith("flags") and {"vmx", "svm"} & set(line.split()) for line in f)
    except OSError:
        return False
