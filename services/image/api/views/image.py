"""Images, lists of images, members and locations as clients read them."""

from collections.abc import Sequence
from typing import Any

from common import clock
from services.image.api.state import State
from services.image.objects.image import ImageRecord

IMAGE_SCHEMA, IMAGES_SCHEMA = "/v2/schemas/image", "/v2/schemas/images"


def show(state: State, image: ImageRecord, *, locations: bool = False, operator: bool = False) -> dict[str, Any]:
    """One image; `locations`: whether the caller may see where its bytes are. Of a deactivated one only operators do."""
    view: dict[str, Any] = dict(image.properties)
    view.update(
        name=image.name, disk_format=image.disk_format, container_format=image.container_format,
        visibility=image.visibility, size=image.size, virtual_size=image.virtual_size, status=image.status,
        checksum=image.checksum, protected=image.protected, min_ram=image.min_ram, min_disk=image.min_disk,
        owner=image.owner, os_hidden=image.os_hidden, os_hash_algo=image.os_hash_algo, os_hash_value=image.os_hash_value,
        id=image.id, created_at=clock.iso(image.created_at), updated_at=clock.iso(image.updated_at),
    )
    places = state.stores.by_weight(image.locations) if operator or image.status != "deactivated" else ()
    if locations and state.show_locations:
        view["locations"] = [{"url": x.url, "metadata": dict(x.info)} for x in places]
    if locations and places and state.show_direct_url:
        view["direct_url"] = places[0].url
    view["tags"] = list(image.tags)
    path = f"/v2/images/{image.id}"
    view.update(self=path, file=f"{path}/file", schema=IMAGE_SCHEMA)
    if len(state.stores.by_name) > 1 and places:
        view["stores"] = ",".join(dict.fromkeys(x.store for x in places))
    return view


def listing(images: Sequence[dict[str, Any]], first: str, following: str | None) -> dict[str, Any]:
    """One page of images with the paths of the first and the next page."""
    view: dict[str, Any] = {"images": list(images), "first": first, "schema": IMAGES_SCHEMA}
    if following:
        view["next"] = following
    return view


def member(row: Any) -> dict[str, Any]:
    """One membership."""
    return {"member_id": row.member, "image_id": row.image_id, "status": row.status, "created_at": clock.iso(row.created_at),
            "updated_at": clock.iso(row.updated_at), "schema": "/v2/schemas/member"}
