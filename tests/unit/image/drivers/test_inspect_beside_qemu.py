"""Crafted images beside QEMU itself: what it would follow to another file is refused, however the image hides it.

QEMU is told the format, as a hypervisor tells it; so it is shown that each of these is dangerous, and not only odd.
"""

import json
import shutil
import struct
import subprocess

import pytest

from services.image.drivers.inspect import ImageRejected, Inspector

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")
VICTIM = "/etc/hostname"
PLAIN = '# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicSparse"\nRW 2048 SPARSE "x.vmdk"\n'
CHILD = PLAIN.replace("parentCID=ffffffff", f'parentCID=12345678\nparentFileNameHint="{VICTIM}"')
FLAT = f'version=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 1 FLAT "{VICTIM}" 0\n'


def vmdk(*texts, desc_at=1, length=20, sectors=2048):
    """A sparse VMDK with (sector, text) placed in it."""
    head = struct.pack("<4sIIQQQQIQQQ", b"KDMV", 1, 3, sectors, 128, desc_at, length, 512, 0, 21, 128) + b"\0\n \r\n\0\0"
    image = bytearray(600 * 512)
    image[: len(head)] = head
    for at, text in texts:
        image[at * 512 : at * 512 + len(text)] = text.encode()
    return bytes(image)


def qcow2(version=3, backing=True, features=0, extension=b""):
    at = 1024
    name_at, name_length = (at, len(VICTIM)) if backing else (0, 0)
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, name_at, name_length, 16, 1 << 20, 0, 1,
                       3 << 16, 1 << 16, 1, 0, 0)
    head += struct.pack(">QQQII", features, 0, 0, 4, 104) if version == 3 else b""
    image = bytearray((head + extension).ljust(4 << 16, b"\0"))
    image[at : at + len(VICTIM)] = VICTIM.encode()
    image[1 << 16 : (1 << 16) + 8] = struct.pack(">Q", 2 << 16)
    return bytes(image)


def data_file():
    name = struct.pack(">II", 0x44415441, len(VICTIM)) + VICTIM.encode().ljust((len(VICTIM) + 7) // 8 * 8, b"\0")
    return qcow2(backing=False, features=4, extension=name)


DANGEROUS = {
    "vmdk with a parent": ("vmdk", vmdk((1, CHILD))),
    "vmdk whose header names another descriptor": ("vmdk", vmdk((1, CHILD), (400, PLAIN), desc_at=400)),
    "vmdk with a parent behind the descriptor's length": (
        "vmdk", vmdk((1, PLAIN.ljust(512, "#") + "\n" + CHILD), length=1)),
    "vmdk with a parent in a comment": (
        "vmdk", vmdk((1, PLAIN.replace("parentCID=ffffffff", f'parentCID=1\n# parentFileNameHint="{VICTIM}"')))),
    "vmdk without a capacity": ("vmdk", vmdk((1, FLAT), sectors=0)),
    "text": ("vmdk", ("# Disk DescriptorFile\n" + FLAT).encode()),
    "text that begins with another comment": ("vmdk", ("# something else\n\n" + FLAT).encode()),
    "text that begins with nothing": ("vmdk", ("\n \n" + FLAT).encode()),
    "qcow2 with a backing file": ("qcow2", qcow2()),
    "qcow2 of version 2 with a backing file": ("qcow2", qcow2(version=2)),
    "qcow2 with a data file": ("qcow2", data_file()),
}


def follows(path, disk_format):
    """Whether QEMU looks at another file when it opens this one."""
    done = subprocess.run(["qemu-img", "info", "-U", "--output=json", "-f", disk_format, path], capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode:
        return VICTIM in done.stderr
    told = json.loads(done.stdout)
    return VICTIM in json.dumps(told)


@pytest.mark.parametrize("name", DANGEROUS)
def test_what_qemu_would_follow_is_refused(tmp_path, name):
    disk_format, data = DANGEROUS[name]
    (tmp_path / "image").write_bytes(data)
    assert follows(str(tmp_path / "image"), disk_format)
    for match in (True, False):
        for step in (100, 65536, 1 << 30):
            inspector = Inspector(disk_format, match=match)
            with pytest.raises(ImageRejected):
                for at in range(0, len(data), step):
                    inspector.feed(data[at : at + step])
                inspector.finish()


def test_what_it_would_not_is_not(tmp_path):
    data = vmdk((1, PLAIN))
    (tmp_path / "image").write_bytes(data)
    assert not follows(str(tmp_path / "image"), "vmdk")
    inspector = Inspector("vmdk")
    inspector.feed(data)
    assert inspector.finish().virtual_size_bytes == 1 << 20
