#!/usr/bin/env python3
"""Write openrc; put our two clouds into a clouds.yaml, or take them out; whatever else it holds stays.

usage: logins.py write FILE AUTH_URL REGION            (passwords in ALTOSTACK_ADMIN_PASSWORD, ALTOSTACK_DEMO_PASSWORD)
       logins.py openrc FILE AUTH_URL REGION PATH      (likewise; PATH is where the openstack command is)
       logins.py remove FILE
"""

import os
import sys
import tempfile
from typing import Any

import yaml

from common import logins


def passwords() -> dict[str, str]:
    """The two users' passwords, from the environment."""
    return {user: os.environ[f"ALTOSTACK_{user.upper()}_PASSWORD"] for user in logins.NAMES.values()}


def load(path: str) -> dict[str, Any]:
    """The file's content; an empty one when there is no file. ValueError when it is not a mapping."""
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        content = yaml.safe_load(f) or {}
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold a mapping")
    return content


def save(path: str, content: dict[str, Any]) -> None:
    """Replace the file as a whole, readable by its owner only."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(handle, "w") as f:
        yaml.safe_dump(content, f, sort_keys=False)
    os.chmod(part, 0o600)
    os.replace(part, path)


def main(args: list[str]) -> int:
    """Do what the command line says."""
    action, path = args[0], args[1]
    if action == "openrc":
        logins.write_private(path, logins.openrc(args[2], args[3], passwords(), args[4]))
        return 0
    content = load(path)
    clouds = content.setdefault("clouds", {}) or {}
    content["clouds"] = clouds
    if action == "write":
        clouds.update(logins.clouds(args[2], args[3], passwords()))
        save(path, content)
        return 0
    for name in logins.NAMES:
        clouds.pop(name, None)
    if clouds or set(content) - {"clouds"}:
        save(path, content)
    else:
        os.unlink(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
