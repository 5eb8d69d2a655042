"""What may be done to imported data on its way: decompression, conversion, injected properties ([import] plugins)."""

import contextlib
import os
from typing import Any

from common import process
from common.saga import Failure, Run
from services.image.conductor.deps import Deps
from services.image.db import images
from services.image.drivers import archives
from services.image.drivers.base import limited
from services.image.drivers.inspect import Inspector, inspected
from services.image.objects.image import ImageRecord

_CONVERT_S = 6 * 3600


def run(saga: Run, image: ImageRecord) -> None:
    """Run every configured plugin once, in the configured order."""
    deps: Deps = saga.deps
    done: list[str] = saga.data.setdefault("plugins", [])
    for name in deps.conf["import"].plugins:
        if name in done:
            continue
        with deps.db.read() as session:
            image = images.find(session, image.id) or image
        {"image_decompression": decompress, "image_conversion": convert,
         "inject_image_metadata": inject}[name](deps, saga, image)
        done.append(name)


def decompress(deps: Deps, saga: Run, image: ImageRecord) -> None:
    """Unpack gzip, xz or a zip with one file, when the container format is `compressed`."""
    path, unpacked = deps.staging.path(image.id), f"{image.id}.unpacked"
    if image.container_format != "compressed":
        _finish(deps.staging.path(unpacked), path)
        return
    try:
        source = archives.opened(path)
        if source is None:
            return
        with contextlib.closing(source):
            deps.staging.write(unpacked, limited(source, deps.rules.size_max_bytes))
    except archives.BROKEN as e:
        raise Failure(f"the compressed data is broken: {e}") from e
    deps.db.transaction(images.update, image.id, container_format="bare")
    _finish(deps.staging.path(unpacked), path)


def _finish(made: str, path: str) -> None:
    """Put what a plugin made in place of what it was made from: now, or after a conductor died just before that.

    By then the image's format says already what it will be, so whoever goes on knows that this is what is left to do.
    """
    if os.path.exists(made):
        os.rename(made, path)


def convert(deps: Deps, saga: Run, image: ImageRecord) -> None:
    """Convert the disk with qemu-img to the configured format, after an inspection that refuses what refers elsewhere."""
    wanted = deps.conf["import"].output_format
    path = deps.staging.path(image.id)
    output = f"{path}.{wanted}"
    if image.disk_format == wanted:
        _finish(output, path)
    inspector = Inspector(image.disk_format, max_virtual_size_bytes=deps.rules.virtual_size_max_bytes)
    for _ in inspected(deps.staging.read(image.id), inspector):
        pass
    found = inspector.result.format
    if image.disk_format == "iso" or found == wanted or (found in ("gpt", "mbr") and wanted == "raw"):
        return
    source = {"gpt": "raw", "mbr": "raw", "vhd": "vpc"}.get(found, found)
    try:
        process.run(["qemu-img", "convert", "-f", source, "-O", wanted, path, output], timeout_s=_CONVERT_S)
    except process.CommandError as e:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(output)
        raise Failure(f"qemu-img cannot convert the image: {e}", "the image cannot be converted") from e
    deps.db.transaction(images.update, image.id, disk_format=wanted)
    _finish(output, path)


def inject(deps: Deps, saga: Run, image: ImageRecord) -> None:
    """Set the configured properties, unless the caller has a role that is exempt."""
    settings: Any = deps.conf["import"]
    if set(saga.context.roles or ()) & set(settings.inject_ignore_roles):
        return
    deps.db.transaction(images.set_properties, image.id, dict(settings.inject), [])
