"""In-memory image, network and volume services with the rules that compute relies on; RPC clients that remember."""

from common import errors, ids
from common.clients.base import RemoteError


class _Store:
    def as_user(self, context):
        self.user = context
        return self

    def _missing(self, what):
        return RemoteError(404, f"{what} could not be found.", "fake")


class FakeImages(_Store):
    def __init__(self):
        self.images = {}

    def base_url(self):
        return "http://images.test"

    def add(self, **values):
        image_id = ids.uuid()
        self.images[image_id] = {"id": image_id, "min_ram": 0, "min_disk": 0, "visibility": "public", **values}
        return image_id

    def show(self, image_id):
        if image_id not in self.images:
            raise self._missing(image_id)
        return dict(self.images[image_id])

    def find(self, **_filters):
        return [dict(i) for i in self.images.values()]

    def create(self, body):
        return self.show(self.add(status="queued", **body))

    def update(self, image_id, patch):
        image = self.images[image_id]
        for op in patch:
            key = op["path"][1:]
            if op["op"] == "remove":
                del image[key]
            else:
                image[key] = op["value"]
        return dict(image)

    def remove(self, image_id):
        self.show(image_id)
        del self.images[image_id]

    def link(self, image_id):
        return f"http://image/images/{image_id}"


class FakeNetworks(_Store):
    def __init__(self):
        self.items = {}

    def add(self, kind, **values):
        item = {"id": ids.uuid(), "name": "", **values}
        self.items[item["id"]] = (kind, item)
        return item["id"]

    def get(self, path, **params):
        """The dry run of an automatic topology: refused where there is no default outside."""
        assert path.startswith("/v2.0/auto-allocated-topology/") and params == {"fields": "dry-run"}
        if not self.find("network", is_default=True):
            raise RemoteError(409, "No default router:external network", "fake")
        return {"auto_allocated_topology": {"id": "dry-run=pass"}}

    def find(self, kind, **filters):
        def fits(item):
            return all(item.get(k) in v if isinstance(v, list) else item.get(k) == v for k, v in filters.items())

        return [dict(i) for k, i in self.items.values() if k == kind and fits(i)]

    def show(self, kind, item_id):
        if self.items.get(item_id, ("", None))[0] != kind:
            raise self._missing(item_id)
        return dict(self.items[item_id][1])

    def create(self, kind, values):
        extra = {}
        if kind == "port":
            address = (values.get("fixed_ips") or [{"ip_address": f"10.0.0.{len(self.items) + 2}"}])[0]["ip_address"]
            extra = {
                "mac_address": ids.mac(),
                "status": "DOWN",
                "security_groups": [],
                "fixed_ips": [{"ip_address": address, "subnet_id": "sub"}],
            }
        if kind == "security_group":
            extra = {"tenant_id": self.user.project_id, "security_group_rules": []}
        item_id = self.add(kind, **{**values, **extra})
        if kind == "security_group_rule":
            self.items[values["security_group_id"]][1]["security_group_rules"].append(self.items[item_id][1])
        return self.show(kind, item_id)

    def update(self, kind, item_id, values):
        self.show(kind, item_id)
        self.items[item_id][1].update(values)
        return self.show(kind, item_id)

    def remove(self, kind, item_id, missing_ok=False):
        if item_id not in self.items and missing_ok:
            return
        self.show(kind, item_id)
        del self.items[item_id]


class FakeVolumes(_Store):
    def __init__(self):
        self.items, self.attachments = {}, {}

    def add(self, **values):
        volume_id = ids.uuid()
        self.items[volume_id] = {
            "id": volume_id,
            "status": "available",
            "size": 1,
            "bootable": "false",
            "multiattach": False,
            **values,
        }
        return volume_id

    def volume(self, volume_id):
        if volume_id not in self.items:
            raise self._missing(volume_id)
        return dict(self.items[volume_id])

    def create_attachment(self, volume_id, server_id, connector=None, mode=None):
        volume = self.items[volume_id]
        if volume["status"] != "available":
            raise RemoteError(400, "volume is not available", "fake")
        volume["status"] = "reserved"
        attachment = {"id": ids.uuid(), "volume_id": volume_id, "instance": server_id}
        self.attachments[attachment["id"]] = attachment
        return attachment

    def delete_attachment(self, attachment_id):
        attachment = self.attachments.pop(attachment_id, None)
        if attachment:
            self.items[attachment["volume_id"]]["status"] = "available"

    def action(self, volume_id, name, values=None):
        self.items[volume_id]["status"] = {"os-begin_detaching": "detaching", "os-roll_detaching": "in-use"}[name]


class FakeConductor:
    def __init__(self):
        self.poked, self.woken = [], []

    def run_sagas(self, context, saga_ids):
        self.poked.append(list(saga_ids))

    def wake(self, context, server_ids):
        self.woken.append(list(server_ids))


class FakePlacement:
    """Providers that were removed; those `in_use` are not."""

    def __init__(self):
        self.removed, self.in_use = [], set()

    def delete_provider(self, uuid):
        if uuid in self.in_use:
            raise RemoteError(409, "it has allocations", "placement")
        self.removed.append(uuid)


class FakeAgents:
    def __init__(self):
        self.text = "line1\nline2"

    def to(self, host):
        self.host = host
        return self

    def console_output(self, context, server_id, lines):
        return "\n".join(self.text.split("\n")[-lines:] if lines else self.text.split("\n"))

    def console_endpoint(self, context, server_id, kind):
        if kind == "serial":
            raise errors.NotFound("no serial console")
        return {"host": "10.1.1.1", "port": 5900}

    def diagnostics(self, context, server_id):
        return {"standard": {"state": "running"}, "legacy": {"memory": 1}}

    def uptime(self, context, node):
        return "up 1 day"
