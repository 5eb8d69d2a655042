"""The VMDK parser: single-file sparse images only.

Layout: VMware's "Virtual Disk Format 5.0". An image may embed a text descriptor that names any file of the host as
its data; so the descriptor must name exactly one extent, of the sparse kind, and no parent.

Readers do not agree on where that text is: some go where the header says, QEMU reads 10 KiB behind the header up to the first
zero byte, and looks for the name of a parent even in comments. So it must be there, end there, and name none anywhere.
"""

import re

from services.image.drivers.inspect.base import MAX_REGION_BYTES, Facts, Parser, Region, u16, u32, u64

_SECTOR_BYTES = 512
_GD_AT_END = 0xFFFFFFFFFFFFFFFF
_DESCRIPTOR_READ_BYTES = 20 * _SECTOR_BYTES
_SAFE_TYPES = {"monolithicSparse", "streamOptimized"}
_EXTENT = re.compile(r'^(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\S+)(?:\s+"([^"]*)")?(?:\s+(\d+))?\s*$')


def vmdk() -> Parser:
    """Virtual size and the checks of the embedded descriptor."""
    header = yield Region(0, 512)
    facts = Facts(virtual_size=u64(header, 12) * _SECTOR_BYTES)
    refuse = facts.violations.append
    if u32(header, 4) not in (1, 2, 3):
        refuse("vmdk version is not supported")
    if header[73:77] != b"\n \r\n":
        refuse("vmdk header is damaged")
    if not u64(header, 12):
        refuse("vmdk has no capacity of its own")
    offset, length = u64(header, 28) * _SECTOR_BYTES, u64(header, 36) * _SECTOR_BYTES
    if not offset or not 0 < length <= MAX_REGION_BYTES:
        refuse("vmdk has no embedded descriptor, or one of an odd size")
        return facts
    if offset != _SECTOR_BYTES:
        refuse("vmdk descriptor is out of place")
        return facts
    descriptor = yield Region(offset, length)
    if b"\0" not in descriptor[:_DESCRIPTOR_READ_BYTES]:
        refuse("vmdk descriptor does not end")
    sectors = u64(header, 12)
    facts.violations += check_descriptor(descriptor, sectors)
    if u64(header, 56) == _GD_AT_END:
        # A streamed image repeats its header at its end, and that one counts.
        facts.footer_magic = b"KDMV"
        facts.footer = header
    return facts


def check_descriptor(data: bytes, sectors: int) -> list[str]:
    """What is wrong with a text descriptor, given the header's capacity in sectors."""
    text, _, rest = data.partition(b"\0")
    wrong = []
    if rest.strip(b"\0"):
        wrong.append("vmdk descriptor has data after its end")
    try:
        lines = [line.strip() for line in text.decode("utf-8").splitlines()]
    except UnicodeDecodeError:
        return [*wrong, "vmdk descriptor is not text"]
    if not lines or lines[0].lower() != "# disk descriptorfile":
        wrong.append("vmdk descriptor is damaged")
    fields: dict[str, list[str]] = {}
    extents = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if re.match(r"(?i)(RW|RDONLY|NOACCESS)\b", line):
            extents.append(line)
        elif equals:
            fields.setdefault(key.strip().lower(), []).append(value.strip().strip('"'))
        else:
            wrong.append("vmdk descriptor has a line that is not understood")
    kinds = fields.get("createtype", [])
    if len(kinds) != 1 or kinds[0] not in _SAFE_TYPES:
        wrong.append(f"vmdk of type {', '.join(kinds)[:60] or 'unknown'} is not accepted")
    if any(parent.lower() != "ffffffff" for parent in fields.get("parentcid", [])) or b"parentfilenamehint" in text.lower():
        wrong.append("vmdk has a parent")
    return wrong + _check_extents(extents, sectors)


def _check_extents(extents: list[str], sectors: int) -> list[str]:
    if len(extents) != 1:
        return [f"vmdk descriptor names {len(extents)} extents, not one"]
    match = _EXTENT.match(extents[0])
    if match is None or match[3] != "SPARSE" or match[1] != "RW" or not match[4]:
        return ["vmdk extent is not a sparse one within the file"]
    if "/" in match[4] or "\\" in match[4] or match[4].startswith((".", "json:")) or ":" in match[4]:
        return ["vmdk extent names another file"]
    if int(match[2]) != sectors:
        return ["vmdk extent differs in size from the header"]
    return []


def check_footer(tail: bytes, header: bytes) -> list[str]:
    """What is wrong with the end of a streamed image: footer marker, footer and end-of-stream, 512 bytes each."""
    if len(tail) < 1536:
        return ["vmdk has no footer"]
    marker, footer = tail[-1536:-1024], tail[-1024:-512]
    if u64(marker, 0) != 1 or u32(marker, 12) != 3 or u32(marker, 8) or any(tail[-512:]):
        return ["vmdk footer is damaged"]
    # The place of the grain directory must differ; version, capacity, grain size and compression may not.
    if footer[:8] != header[:8] or footer[12:28] != header[12:28] or u16(footer, 77) != u16(header, 77):
        return ["vmdk footer differs from the header"]
    return []
