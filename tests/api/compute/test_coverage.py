"""Every route of the table: reached, refused without a token, refused without the right, and listed upstream."""

import re

import pytest

from common.http.route import PUBLIC, Actions, Route
from common.testing.api import Persona
from services.compute.api.routes import ROUTES

_FILL = {"server_id": None, "project_id": "p" * 32}
_OPEN = {"extensions", "flavors:index", "flavors:show", "os-availability-zone:list", "limits", "os-quota-sets:defaults",
         "os-floating-ip-pools"}
"""What every token may read."""


def _rows():
    for row in ROUTES:
        items = (
            [(row.method, row.path, row, None)]
            if isinstance(row, Route)
            else [(row.method, row.path, item, name) for name, item in row.table.items()]
        )
        for method, path, item, name in items:
            if item.policy != PUBLIC:
                yield pytest.param(method, path, item, name, id=f"{method} {path} {name or ''} {item.until or ''}")


def _call(client, cloud, method, path, item, name, server_id):
    url = re.sub(
        r"<(\w+)>", lambda m: server_id if m.group(1) == "server_id" else "x" * 32 if m.group(1) == "project_id" else "1", path
    )
    version = item.since or "2.1"
    body = {name: None} if name else {} if item.body is not None else None
    return client.request(method, url, body, {"OpenStack-API-Version": f"compute {version}"})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from tests.api.compute.conftest import Cloud

    made = Cloud(tmp_path_factory.mktemp("cloud"))
    made.server_id = made.server()["server"]["id"]
    made.nobody = made.member.as_(Persona("none", project_id=made.project))
    yield made
    made.db.dispose()


@pytest.mark.parametrize("method,path,item,name", _rows())
def test_nobody_gets_through(shared, method, path, item, name):
    answer = _call(shared.nobody, shared, method, path, item, name, shared.server_id)
    if item.policy.split(":", 1)[1] in _OPEN or answer.status_code == 410:
        return
    if "os-keypairs" in path:  # a user's own, whatever the role
        return
    assert answer.status_code in (400, 403, 404), answer.text
    if not item.targeted and not (isinstance(item, Route) and item.query is None) and item.body is None:
        assert answer.status_code == 403, answer.text  # a body is looked at first, as upstream does
    without = shared.member.request(method, path.replace("<", "").replace(">", ""), headers={"X-Auth-Token": "wrong"})
    assert without.status_code == 401


def test_table_is_complete_and_without_doubles():
    """No URL, method and range of versions stands twice, and old names lead where new ones do."""
    seen = [(r.method, r.path, r.since, r.until) for r in ROUTES if isinstance(r, Route)]
    assert len(seen) == len(set(seen)) > 180
    assert all("<" not in r.path or r.policy != PUBLIC or "versions" in r.path for r in ROUTES if isinstance(r, Route))
    assert {r.path for r in ROUTES if isinstance(r, Actions)} >= {
        "/v2.1/servers/<server_id>/action",
        "/v2.1/os-volumes_boot/<server_id>/action",
    }


def test_the_older_name_of_servers(cloud):
    made = cloud.server()["server"]["id"]
    assert cloud.member.get(f"/v2.1/os-volumes_boot/{made}")["server"]["id"] == made
    gone = cloud.member.request("GET", "/v2.1/os-volumes_boot", headers={"OpenStack-API-Version": "compute 2.103"})
    assert gone.status_code == 404
