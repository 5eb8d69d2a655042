"""What an image really is, found out while it streams by: no second pass, at most about 1.1 MiB of memory.

    inspector = Inspector("qcow2", max_virtual_size_bytes=limit)
    for chunk in inspected(stream, inspector):    # raises ImageRejected as soon as something is wrong
        store(chunk)
    inspector.result                              # Inspection: format, virtual size, size, violations

Formats: raw, gpt and mbr (a disk with a partition table), luks, iso, qcow2, vmdk, vhd, vhdx, vdi, ploop, qed.
Refused: whatever refers to other files (backing, data, parent, extent), carries features nobody knows, is damaged
in its headers, is two formats at once, or contradicts the declared format. Only `ImageRejected` is ever raised.
"""

from collections.abc import Callable, Iterable, Iterator

from services.image.drivers.inspect import formats, microsoft
from services.image.drivers.inspect import vmdk as vmware
from services.image.drivers.inspect.base import HEAD_BYTES, TAIL_BYTES, Facts, ImageRejected, Parser, Region
from services.image.objects.stored import Inspection

__all__ = ["ImageRejected", "Inspector", "inspected"]

# What the bytes may turn out to be for each disk_format of the API whose bytes are the disk or opaque.
_PLAIN = {"raw", "gpt", "mbr", "luks"}
_ACCEPTED = {
    "raw": _PLAIN, "ami": _PLAIN, "ari": _PLAIN, "aki": _PLAIN, "gpt": {"gpt", "mbr"}, "mbr": {"mbr"}, "luks": {"luks"},
    "iso": {"iso"}, "qcow2": {"qcow2"}, "vmdk": {"vmdk"}, "vhd": {"vhd"}, "vhdx": {"vhdx"}, "vdi": {"vdi"},
    "ploop": {"ploop"},
}


class Inspector:
    """Watches one image go by.

    `declared_format` is the image's disk_format; None accepts any format, and so does `match` false, but for what a reader of
    the declared one would follow to other files. With `enforce` false nothing is raised, and `violations` tells afterwards.
    `max_virtual_size_bytes` bounds the disk a guest would see.
    """

    def __init__(
        self, declared_format: str | None, *, enforce: bool = True, match: bool = True, max_virtual_size_bytes: int | None = None
    ) -> None:
        self.declared_format = declared_format
        self.format: str | None = None
        self.virtual_size: int | None = None
        self.violations: list[str] = []
        self.size_bytes = 0
        self._enforce, self._match, self._max_virtual = enforce, match, max_virtual_size_bytes
        self._head = bytearray()
        self._tail = b""
        self._parser: Parser | None = None
        self._wanted: Region | None = None
        self._cursor = HEAD_BYTES
        self._collected = bytearray()
        self._facts: Facts | None = None
        self._finished = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes, of any number."""
        at, self.size_bytes = self.size_bytes, self.size_bytes + len(chunk)
        self._keep_tail(chunk)
        if len(self._head) < HEAD_BYTES:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
            if len(self._head) < HEAD_BYTES:
                return
        if self.format is None:
            self._begin()
        while self._wanted is not None and self._collect(chunk, at):
            data, self._collected = bytes(self._collected), bytearray()
            self._cursor = self._wanted.offset + self._wanted.length
            self._advance(data)

    def finish(self) -> Inspection:
        """Say that the image ended; what it was. May be called again."""
        if self._finished:
            return self.result
        self._finished = True
        if self.format is None:
            self._begin()
        if self._facts is None:
            self._wanted = None
            self._violate(f"{self.format} image ends too early")
        elif self._facts.footer_magic == b"KDMV":
            self._violate(*vmware.check_footer(self._tail, self._facts.footer or b""))
        elif self._facts.footer_magic == b"conectix":
            self._violate(*microsoft.check_footer(self._tail, self._facts.footer or b""))
        elif self.format == "raw" and self.declared_format in (None, "vhd") and self._tail[-512:-504] == b"conectix":
            self.format = "vhd"
            self.virtual_size, wrong = microsoft.vhd_footer(self._tail[-512:])
            if self.virtual_size > self.size_bytes - 512:
                wrong.append("fixed vhd ends too early")
            self._violate(*wrong)
            self._check_size()
        if self.virtual_size is None:
            self.virtual_size = self.size_bytes
            self._check_size()
        self._check_declared(final=True)
        return self.result

    @property
    def result(self) -> Inspection:
        """What is known; complete after `finish`."""
        return Inspection(self.format or "raw", self.virtual_size or 0, self.size_bytes, tuple(self.violations))

    # Inner work

    def _begin(self) -> None:
        """The head is complete: decide which format this is and start its parser."""
        head = bytes(self._head)
        found = detect(head)
        self.format = found[0]
        if len(found) > 1:
            self._violate(f"the image is {' and '.join(found)} at once")
        if self.declared_format == "vmdk" and self.format in _PLAIN and b"createtype" in head.partition(b"\0")[0].lower():
            # QEMU takes any text for a descriptor when it is told that this is one
            self._violate("vmdk is only a descriptor that names other files")
        self._check_declared(final=False)
        self._parser = _PARSERS[self.format]()
        try:
            self._wanted = next(self._parser)
        except StopIteration as end:
            self._conclude(end.value)
            return
        self._serve_from_head()

    def _serve_from_head(self) -> None:
        """Answer requests that lie in the head; at the end of a short image that is all there is."""
        while self._wanted is not None:
            end = self._wanted.offset + self._wanted.length
            if end > len(self._head):
                break
            self._advance(bytes(self._head[self._wanted.offset : end]))

    def _advance(self, data: bytes) -> None:
        """Give the parser its bytes, and take its next request or its conclusion."""
        assert self._parser is not None
        try:
            self._wanted = self._parser.send(data)
        except StopIteration as end:
            self._wanted = None
            self._conclude(end.value)
            return
        end_of_region = self._wanted.offset + self._wanted.length
        if end_of_region <= len(self._head):
            self._serve_from_head()
        elif HEAD_BYTES <= len(self._head) and self._wanted.offset < self._cursor and self._cursor > HEAD_BYTES:
            # Only a crafted image points back; to follow it would need a second pass.
            self._wanted = None
            self._conclude(Facts(violations=[f"{self.format} image has its parts in an odd order"]))

    def _collect(self, chunk: bytes, at: int) -> bool:
        """Take what `chunk`, which begins at offset `at`, has of the wanted region; whether it is complete."""
        wanted = self._wanted
        assert wanted is not None
        position = wanted.offset + len(self._collected)
        if position < len(self._head):
            self._collected += self._head[position : wanted.offset + wanted.length]
            position = wanted.offset + len(self._collected)
        missing = wanted.length - len(self._collected)
        if missing and at <= position < at + len(chunk):
            self._collected += chunk[position - at : position - at + missing]
        return len(self._collected) == wanted.length

    def _conclude(self, facts: Facts) -> None:
        self._facts = facts
        self._parser = None
        self._violate(*facts.violations)
        if facts.virtual_size is not None:
            self.virtual_size = facts.virtual_size
            self._check_size()

    def _keep_tail(self, chunk: bytes) -> None:
        self._tail = chunk[-TAIL_BYTES:] if len(chunk) >= TAIL_BYTES else (self._tail + chunk)[-TAIL_BYTES:]

    def _check_size(self) -> None:
        if self._max_virtual is not None and self.virtual_size is not None and self.virtual_size > self._max_virtual:
            self._violate(f"the disk has {self.virtual_size} bytes, more than the {self._max_virtual} allowed")

    def _check_declared(self, *, final: bool) -> None:
        declared = self.declared_format
        if declared is None or self.format is None or not self._match:
            return
        if not final and declared == "vhd" and self.format in _PLAIN:
            # A fixed VHD shows itself only at its end. Until then it is like a raw disk.
            self.format = "raw"
            return
        if self.format not in _ACCEPTED.get(declared, set()):
            text = f"Image disk_format {declared} does not match stream data {self.format}"
            if text not in self.violations:
                self._violate(text)

    def _violate(self, *texts: str) -> None:
        self.violations.extend(texts)
        if texts and self._enforce:
            raise ImageRejected("; ".join(self.violations))


def detect(head: bytes) -> list[str]:
    """The formats that the first 40 KiB of an image show, the one to treat it as first."""
    found = [name for name, offset, magic in _SIGNATURES if head[offset : offset + len(magic)] == magic]
    if head[:21].lower() == b"# disk descriptorfile":
        found.append("vmdk-descriptor")
    if found:
        return found
    return [formats.partition_table(head) or "raw"]


def inspected(stream: Iterable[bytes], inspector: Inspector) -> Iterator[bytes]:
    """Pass `stream` on, chunk by chunk, after `inspector` saw each; ImageRejected before a bad chunk is passed."""
    for chunk in stream:
        inspector.feed(chunk)
        yield chunk
    inspector.finish()


# (format, offset, bytes). An ISO may also begin with a partition table: that is usual, and no second format.
_SIGNATURES = [
    ("qcow2", 0, b"QFI\xfb"),
    ("vmdk", 0, b"KDMV"),
    ("vmdk-cowd", 0, b"COWD"),
    ("vhd", 0, b"conectix"),
    ("vhdx", 0, b"vhdxfile"),
    ("vdi", 64, b"\x7f\x10\xda\xbe"),
    ("qed", 0, b"QED\0"),
    ("luks", 0, b"LUKS\xba\xbe"),
    ("ploop", 0, b"WithoutFreeSpace"),
    ("ploop", 0, b"WithouFreSpacExt"),
    ("iso", 32769, b"CD001"),
]

_PARSERS: dict[str, Callable[[], Parser]] = {
    "qcow2": formats.qcow2,
    "vmdk": vmware.vmdk,
    "vmdk-cowd": lambda: formats.refused("vmdk of the ESX sparse kind is not accepted"),
    "vmdk-descriptor": lambda: formats.refused("vmdk is only a descriptor that names other files"),
    "vhd": microsoft.vhd,
    "vhdx": microsoft.vhdx,
    "vdi": formats.vdi,
    "qed": lambda: formats.refused("qed images are not accepted"),
    "iso": formats.iso,
    **{name: formats.plain for name in ("raw", "gpt", "mbr", "luks", "ploop")},
}
