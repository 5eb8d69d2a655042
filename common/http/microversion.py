"""Microversions: which contract a request asks for, and saying which one was kept.

Source: the API guideline on microversions (headers, 400 and 406, `Vary`).
"""

import functools
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from common import errors

_FORM = re.compile(r"^([1-9]\d*)\.([1-9]\d*|0)$")


class Version(NamedTuple):
    """A microversion, ordered as numbers: 2.9 < 2.10."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "Version":
        """From `2.53`; ValueError when it is no microversion."""
        return _parse(text)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> Version:
    match = _FORM.match(text)
    if not match:
        raise ValueError(text)
    return Version(int(match.group(1)), int(match.group(2)))


@dataclass(frozen=True)
class Microversions:
    """The range of an API.

    service  name in the `OpenStack-API-Version` header: compute, volume, placement
    low, high, default   microversions as text; `default` is used when a request asks for none
    legacy   older header with the bare number, e.g. X-OpenStack-Nova-API-Version
    prefix   only paths that start so are versioned
    """

    service: str
    low: str
    high: str
    default: str = ""
    legacy: str = ""
    prefix: str = "/"
    bounds: tuple[Version, Version] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", (Version.parse(self.low), Version.parse(self.high)))

    def choose(self, header: str | None, legacy: str | None) -> Version:
        """The version a request asks for.

        errors.BadRequest when the header is malformed, errors.NotAcceptable when it is out of range.
        """
        wanted = self._named(header) or (legacy.strip() if legacy else "") or self.default or self.low
        if wanted == "latest":
            return self.bounds[1]
        try:
            version = Version.parse(wanted)
        except ValueError:
            raise errors.BadRequest(
                f"API Version String '{wanted}' is of invalid format. It must be of format 'MajorNum.MinorNum'.",
                kind="invalidVersion",
            ) from None
        if not self.bounds[0] <= version <= self.bounds[1]:
            raise errors.NotAcceptable(
                f"Version {wanted} is not supported by the API. Minimum is {self.low} and maximum is {self.high}.",
                kind="versionNotSupported", detail=wanted,
            )
        return version

    def _named(self, header: str | None) -> str:
        if not header:
            return ""
        for part in header.split(","):
            words = part.strip().split(None, 1)
            if words and words[0].lower() == self.service:
                if len(words) != 2:
                    raise errors.BadRequest(f"Invalid microversion header: {header}", kind="invalidVersion")
                return words[1].strip()
        return ""

    def headers(self, version: Version) -> dict[str, str]:
        """The response headers that name the version that was kept."""
        out = {"OpenStack-API-Version": f"{self.service} {version}", "Vary": "OpenStack-API-Version"}
        if self.legacy:
            out[self.legacy] = str(version)
            out["Vary"] += f", {self.legacy}"
        return out
