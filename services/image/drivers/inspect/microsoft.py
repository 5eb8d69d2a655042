"""The VHD and VHDX parsers.

Layouts: Microsoft's "Virtual Hard Disk Image Format Specification" and [MS-VHDX].
"""

import uuid

from services.image.drivers.inspect.base import MAX_REGION_BYTES, Facts, Parser, Region, u16, u32, u64

_METADATA_REGION = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_BAT_REGION = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08").bytes_le
_FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
_VIRTUAL_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_PARENT_LOCATOR = uuid.UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").bytes_le
_KIB = 1024


def vhd() -> Parser:
    """A dynamic VHD: it begins with a copy of its footer."""
    footer = yield Region(0, 512)
    facts = Facts(footer_magic=b"conectix", footer=footer)
    facts.virtual_size, facts.violations = vhd_footer(footer)
    at = u64(footer, 16, "big")
    if at == 0xFFFFFFFFFFFFFFFF:
        facts.violations.append("vhd is fixed but begins with a footer")
        return facts
    if at < 512 or at > 1024 * _KIB:
        facts.violations.append("vhd dynamic header is out of place")
        return facts
    header = yield Region(at, 1024)
    if header[:8] != b"cxsparse":
        facts.violations.append("vhd dynamic header is damaged")
    if any(header[40:56]) or any(header[576:768]):
        facts.violations.append("vhd has a parent")
    return facts


def vhd_footer(footer: bytes) -> tuple[int, list[str]]:
    """Virtual size in bytes and violations of a footer (512 bytes that begin with `conectix`)."""
    wrong, kind = [], u32(footer, 60, "big")
    if kind not in (2, 3):
        wrong.append("vhd is neither fixed nor dynamic: it depends on another file")
    summed = (~(sum(footer[:64]) + sum(footer[68:512]))) & 0xFFFFFFFF
    if summed != u32(footer, 64, "big"):
        wrong.append("vhd footer has a wrong checksum")
    return u64(footer, 48, "big"), wrong


def check_footer(tail: bytes, head: bytes) -> list[str]:
    """What is wrong with the end of a dynamic VHD, whose footer must be the one it began with."""
    if tail[-512:] != head:
        return ["vhd footer differs from its copy"]
    return []


def vhdx() -> Parser:
    """Virtual size from the metadata region; refuses parents and unfinished logs."""
    yield Region(0, 512)
    facts = Facts(virtual_size=0)
    refuse = facts.violations.append
    headers = [(yield Region(64 * _KIB, 4096)), (yield Region(128 * _KIB, 4096))]
    valid = [header for header in headers if header[:4] == b"head"]
    if not valid:
        refuse("vhdx has no header")
        return facts
    if any(any(header[48:64]) for header in valid if u64(header, 8) == max(u64(one, 8) for one in valid)):
        refuse("vhdx has a log that was not written back")
    table = yield Region(192 * _KIB, 64 * _KIB)
    offset, length = _metadata_region(table, refuse)
    if not offset:
        return facts
    metadata = yield Region(offset, min(length, MAX_REGION_BYTES))
    if metadata[:8] != b"metadata":
        refuse("vhdx metadata is damaged")
        return facts
    seen = set()
    for n in range(min(u16(metadata, 10), 2047)):
        entry = metadata[32 + 32 * n : 64 + 32 * n]
        item, at, size = entry[:16], u32(entry, 16), u32(entry, 20)
        if item in seen or (size and (at < 64 * _KIB or at + size > len(metadata))):
            refuse("vhdx metadata is damaged")
            return facts
        seen.add(item)
        if item == _PARENT_LOCATOR or (item == _FILE_PARAMETERS and u32(metadata, at + 4) & 2):
            refuse("vhdx has a parent")
        elif item == _VIRTUAL_SIZE:
            facts.virtual_size = u64(metadata, at)
        elif item not in _KNOWN_ITEMS and u32(entry, 24) & 4:
            refuse("vhdx requires metadata nobody knows")
    if _VIRTUAL_SIZE not in seen or _FILE_PARAMETERS not in seen:
        refuse("vhdx metadata is incomplete")
    return facts


_KNOWN_ITEMS = {
    _FILE_PARAMETERS, _VIRTUAL_SIZE, _PARENT_LOCATOR,
    uuid.UUID("beca12ab-b2e6-4523-93ef-c309e000c746").bytes_le,  # page 83 data
    uuid.UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f").bytes_le,  # logical sector size
    uuid.UUID("cda348c7-445d-4471-9cc9-e9885251c556").bytes_le,  # physical sector size
}


def _metadata_region(table: bytes, refuse) -> tuple[int, int]:  # type: ignore[no-untyped-def]
    """Offset and length of the metadata region, (0, 0) when the table is damaged."""
    if table[:4] != b"regi":
        refuse("vhdx region table is damaged")
        return 0, 0
    found = []
    for n in range(min(u32(table, 8), 2047)):
        entry = table[16 + 32 * n : 48 + 32 * n]
        if entry[:16] == _METADATA_REGION:
            found.append((u64(entry, 16), u32(entry, 24)))
        elif entry[:16] != _BAT_REGION and u32(entry, 28) & 1:
            refuse("vhdx requires a region nobody knows")
    if len(found) != 1 or found[0][0] < 1024 * _KIB or found[0][1] < 64 * _KIB:
        refuse("vhdx metadata region is missing or out of place")
        return 0, 0
    return found[0]
