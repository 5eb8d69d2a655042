"""Parsers of qcow2, VDI, ISO 9660 and LUKS, and the table of signatures.

Layouts: QEMU's docs/interop/qcow2.txt; VirtualBox's VDI 1.1 header; ECMA-119 section 8.4; LUKS on-disk
format specification 1.2.3.
"""

from services.image.drivers.inspect.base import Facts, Parser, Region, u32, u64

# What a consumer may meet in a qcow2 of version 3: dirty, corrupt, external data file, compression type, extended L2.
_QCOW2_KNOWN_FEATURES = 0b11111
_QCOW2_DATA_FILE = 1 << 2
_QCOW2_DATA_FILE_EXTENSION = 0x44415441
_QCOW2_BACKING_FORMAT_EXTENSION = 0xE2792ACA


def qcow2() -> Parser:
    """Virtual size; refuses backing files, external data files and features nobody knows."""
    header = yield Region(0, 104)
    facts = Facts(virtual_size=u64(header, 24, "big"))
    refuse = facts.violations.append
    version, cluster_bits = u32(header, 4, "big"), u32(header, 20, "big")
    if version not in (2, 3):
        refuse(f"qcow2 version {version} is not supported")
        return facts
    if not 9 <= cluster_bits <= 21:
        refuse("qcow2 cluster size is out of range")
    if u64(header, 8, "big") or u32(header, 16, "big"):
        refuse("qcow2 has a backing file")
    header_length = 72
    if version == 3:
        features, header_length = u64(header, 72, "big"), u32(header, 100, "big")
        if features & _QCOW2_DATA_FILE:
            refuse("qcow2 has an external data file")
        if features & ~_QCOW2_KNOWN_FEATURES:
            refuse("qcow2 has unknown incompatible features")
        if not 104 <= header_length <= 4096 or header_length % 8:
            refuse("qcow2 header length is out of range")
            return facts
    at = header_length
    for _ in range(64):
        extension = yield Region(at, 8)
        kind, length = u32(extension, 0, "big"), u32(extension, 4, "big")
        if kind == 0:
            return facts
        if kind == _QCOW2_DATA_FILE_EXTENSION:
            refuse("qcow2 names an external data file")
        if kind == _QCOW2_BACKING_FORMAT_EXTENSION:
            refuse("qcow2 names a backing format")
        at += 8 + (length + 7) // 8 * 8
        if length > 16384 or at > 32768:
            refuse("qcow2 header extensions are too long")
            return facts
    refuse("qcow2 has too many header extensions")
    return facts


def vdi() -> Parser:
    """Virtual size; refuses differencing images."""
    header = yield Region(0, 512)
    facts = Facts(virtual_size=u64(header, 368))
    if u32(header, 68) != 0x00010001:
        facts.violations.append("vdi version is not supported")
    if u32(header, 76) not in (1, 2):
        facts.violations.append("vdi is neither dynamic nor fixed: it depends on another file")
    if any(header[424:440]) or any(header[440:456]):
        facts.violations.append("vdi has a parent")
    return facts


def iso() -> Parser:
    """Virtual size: that of the whole file, as the guest sees it."""
    descriptor = yield Region(32768, 2048)
    facts = Facts()
    blocks, block_bytes = u32(descriptor, 80), descriptor[128] | descriptor[129] << 8
    if descriptor[0] == 1 and (not blocks or block_bytes not in (512, 1024, 2048)):
        facts.violations.append("iso volume descriptor is damaged")
    return facts


def plain() -> Parser:
    """Any content whose bytes are the disk (raw, LUKS, partition tables)."""
    yield Region(0, 0)
    return Facts()


def refused(why: str) -> Parser:
    """A format that is always refused."""
    yield Region(0, 0)
    return Facts(violations=[why])


def partition_table(head: bytes) -> str | None:
    """`gpt`, `mbr` or None: whether the disk's first sectors hold a partition table."""
    if head[512:520] == b"EFI PART" or head[4096:4104] == b"EFI PART":
        return "gpt"
    if len(head) < 512 or head[510:512] != b"\x55\xaa":
        return None
    entries = [head[446 + 16 * n : 462 + 16 * n] for n in range(4)]
    used = [entry for entry in entries if any(entry)]
    if used and all(entry[0] in (0, 0x80) and entry[4] for entry in used):
        return "mbr"
    return None
