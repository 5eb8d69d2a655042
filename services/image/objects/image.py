"""An image as the rooms of the service hand it around: one value with its properties, tags and locations."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Location:
    """Where an image's bytes are: `store` is the name of a configured store, `info` what clients may keep with it."""

    id: int
    url: str
    store: str
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image; sizes in bytes (`min_disk` GiB, `min_ram` MiB), times naive UTC."""

    id: str
    name: str | None
    owner: str | None
    visibility: str
    status: str
    size: int | None
    virtual_size: int | None
    disk_format: str | None
    container_format: str | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    min_disk: int
    min_ram: int
    protected: bool
    os_hidden: bool
    created_at: datetime.datetime
    updated_at: datetime.datetime
    writer: str | None = None
    properties: Mapping[str, str | None] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    locations: tuple[Location, ...] = ()

    def target(self, member: str | None = None) -> dict[str, Any]:
        """What policies look at. An image of nobody belongs to no project, not to callers without one."""
        owner = self.owner or "-"
        return {"project_id": owner, "owner": owner, "visibility": self.visibility, "image_id": self.id,
                "member_id": member or "-", "member": member or "-"}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose eyes a list is made for: a project (None: none), or an operator who sees everything."""

    project_id: str | None
    is_admin: bool = False
