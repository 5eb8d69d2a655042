"""The configuration drive: an ISO 9660 volume `config-2` with the documents that the metadata service would serve.

Its layout is what cloud-init's ConfigDrive data source reads: `openstack/latest/…`, an EC2 tree, and injected files.
"""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from common import process
from services.compute.drivers.base import DriverError
from services.compute.objects.server import ServerSpec

LABEL = "config-2"
_DOCUMENTS = {
    "meta_data": "meta_data.json",
    "network_data": "network_data.json",
    "vendor_data": "vendor_data.json",
    "vendor_data2": "vendor_data2.json",
}
_PROGRAMS = (["genisoimage"], ["mkisofs"], ["xorriso", "-as", "mkisofs"])


def contents(spec: ServerSpec) -> dict[str, bytes]:
    """The drive's files by path, from the spec's documents."""
    rescue_password = spec.rescue.admin_pass if spec.rescue else None
    meta: dict[str, Any] = {
        "uuid": spec.uuid,
        "name": spec.name,
        "hostname": spec.hostname,
        **(spec.metadata.get("meta_data") or {}),
    }
    if rescue_password or spec.admin_pass:
        meta["admin_pass"] = rescue_password or spec.admin_pass
    out: dict[str, bytes] = {}
    listed = list(meta.get("files") or [])
    for index, (path, encoded) in enumerate(sorted(spec.files.items())):
        name = f"content/{index:04d}"
        listed.append({"path": path, "content_path": "/" + name})
        out["openstack/" + name] = base64.b64decode(encoded)
    if listed:
        meta["files"] = listed
    documents: Mapping[str, Any] = {**spec.metadata, "meta_data": meta}
    for key, name in _DOCUMENTS.items():
        if documents.get(key) is not None:
            out["openstack/latest/" + name] = _json(documents[key])
    if documents.get("ec2") is not None:
        out["ec2/latest/meta-data.json"] = _json(documents["ec2"])
    if spec.user_data:
        data = base64.b64decode(spec.user_data)
        out["openstack/latest/user_data"] = data
        out["ec2/latest/user-data"] = data
    return out


def build(spec: ServerSpec, path: str) -> None:
    """Write the drive as the new file `path`, readable by its owner only."""
    program = next((args for args in _PROGRAMS if shutil.which(args[0])), None)
    if program is None:
        raise DriverError("A configuration drive needs genisoimage or xorriso on this host.")
    with tempfile.TemporaryDirectory(prefix="altostack-config-") as folder:
        tree, part = os.path.join(folder, "tree"), path + ".part"
        for name, data in contents(spec).items():
            target = os.path.join(tree, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as f:
                f.write(data)
        process.run(
            [
                *program,
                "-quiet",
                "-o",
                part,
                "-ldots",
                "-allow-lowercase",
                "-allow-multidot",
                "-l",
                "-publisher",
                "Altostack",
                "-J",
                "-r",
                "-V",
                LABEL,
                tree,
            ]
        )
        os.chmod(part, 0o600)
        os.rename(part, path)


def _json(document: Any) -> bytes:
    return document.encode() if isinstance(document, str) else json.dumps(document).encode()
