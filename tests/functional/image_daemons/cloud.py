"""Identity and image alone, as they run in production, and what tests ask of them."""

import contextlib
import hashlib
import os
import socket

from tests.functional.stack.processes import Processes
from tests.waiting import wait_for

DATA = os.urandom(1 << 20) * 4
DIGEST = hashlib.sha512(DATA).hexdigest()
LEASE_S = 4
OCTETS = {"Content-Type": "application/octet-stream"}


class ImageCloud(Processes):
    """Identity and image alone; with limits of projects, which are any number unless a test sets one."""

    def __init__(self, *args):
        super().__init__(*args)
        self.services = {name: s for name, s in self.services.items() if name in ("identity", "image")}
        self.daemons = ["identity-api", "image-api", "image-conductor"]
        self.ports = {d: p for d, p in self.ports.items() if d in self.daemons}

    def _altostack(self, *rest):
        super()._altostack(*rest, *(self.services if rest == ("db", "upgrade") else ()))

    def _configure(self):
        super()._configure()
        self._write("image", {"DEFAULT": {"enabled_stores": "file,second:file"},
                              "image": {"upload_lease_s": LEASE_S, "use_keystone_limits": True},
                              "oslo_messaging_notifications": {"driver": "messagingv2"},
                              "import": {"allowed_networks": "127.0.0.0/8", "allowed_ports": ""}})

    def files(self):
        """What the stores and the staging folder hold."""
        return sorted(f"{folder}/{name}" for folder in ("images", "images-second", "staging")
                      for name in os.listdir(self.folder / "state" / folder) if (self.folder / "state" / folder).is_dir())


def new(cloud):
    return cloud.api.create_image(name="i", disk_format="raw", container_format="bare", allow_duplicates=True)


def status(cloud, image, wanted):
    def look():
        with contextlib.suppress(Exception):
            return cloud.api.get_image(image).status == wanted
        return False

    wait_for(f"{wanted} image", look, 60)
    return cloud.api.get(f"/images/{image.id}").json()


def ask(cloud, image, method, **more):
    response = cloud.api.post(f"/images/{image.id}/import", json={"method": method, **more})
    assert response.status_code == 202, response.text


def half(cloud, image):
    """A connection on which half of an upload was sent."""
    return begun(cloud, image, "file", {"Content-Length": len(DATA)}, DATA[: len(DATA) // 2])


def begun(cloud, image, what, headers, data):
    """A connection on which `data` was sent as an image's `file` or `stage`."""
    connection = socket.create_connection(("127.0.0.1", cloud.ports["image-api"]), timeout=30)
    sent = {"Host": "x", "X-Auth-Token": cloud.api.session.get_token(), "Connection": "close", **OCTETS, **headers}
    lines = [f"PUT /v2/images/{image.id}/{what} HTTP/1.1", *[f"{k}: {v}" for k, v in sent.items()], "", ""]
    connection.sendall("\r\n".join(lines).encode() + data)
    return connection
