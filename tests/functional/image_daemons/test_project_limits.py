"""Projects' limits, kept by a real identity, when requests race for what is left."""

import contextlib

import pytest

from tests.functional.crowd import race
from tests.functional.image_daemons.cloud import DATA, OCTETS, half, new, status
from tests.waiting import wait_for

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(120)]
CALLERS, MOST = 6, 2


@contextlib.contextmanager
def limited(cloud, name, value):
    """The administrator's project with a limit."""
    identity = cloud.connect().identity
    service = next(identity.services(type="image"))
    project = identity.session.get_project_id()
    wait_for("registered limits", lambda: [x for x in identity.registered_limits(service_id=service.id)
                                           if x.resource_name == name], 60)
    body = {"service_id": service.id, "project_id": project, "region_id": "RegionOne", "resource_name": name,
            "resource_limit": value}
    made = identity.post("/limits", json={"limits": [body]})
    assert made.status_code == 201, made.text
    try:
        yield
    finally:
        identity.delete(f"/limits/{made.json()['limits'][0]['id']}")


def used(cloud):
    return cloud.api.get("/info/usage").json()["usage"]


def test_uploads_at_once(cloud):
    images = [new(cloud) for _ in range(CALLERS)]
    with limited(cloud, "image_count_uploading", MOST):
        connections = race([lambda image=image: half(cloud, image) for image in images])
        wait_for("uploads", lambda: used(cloud)["image_count_uploading"]["usage"] == MOST, 30)
        states = [cloud.api.get_image(i).status for i in images]
        assert sorted(states) == ["queued"] * (CALLERS - MOST) + ["saving"] * MOST
        for connection, state in zip(connections, states, strict=True):
            if state == "saving":
                connection.sendall(DATA[len(DATA) // 2 :])
            answer = connection.recv(1000).decode()
            assert answer.startswith("HTTP/1.1 204 " if state == "saving" else "HTTP/1.1 413 ")
            connection.close()
        late = images[states.index("queued")]
        assert cloud.api.put(f"/images/{late.id}/file", data=DATA, headers=OCTETS).status_code == 204
    assert status(cloud, late, "active")
    for image in images:
        cloud.api.delete_image(image)


@pytest.mark.parametrize(("name", "what", "codes"), [
    ("image_count_total", "create", (201, 413)), ("image_count_uploading", "stage", (204, 413))])
def test_no_more_than_the_limit(cloud, name, what, codes):
    there = [new(cloud) for _ in range(CALLERS)] if what == "stage" else [None] * CALLERS
    with limited(cloud, name, used(cloud)[name]["usage"] + MOST):

        def call(image):
            if image is None:
                return cloud.api.post("/images", json={"name": "raced"})
            return cloud.api.put(f"/images/{image.id}/stage", data=b"x", headers=OCTETS)

        answers = race([lambda image=image: call(image) for image in there])
        assert sorted(a.status_code for a in answers) == [codes[0]] * MOST + [codes[1]] * (CALLERS - MOST)
        refused = next(a for a in answers if a.status_code == 413)
        assert f"Resource {name} is over limit of" in refused.text
    for image in cloud.api.images():
        if image.name in ("raced", "i"):
            cloud.api.delete_image(image)


def test_sizes_are_refused_from_the_next_image_on(cloud):
    first, second = new(cloud), new(cloud)
    with limited(cloud, "image_size_total", used(cloud)["image_size_total"]["usage"] + 1):
        assert cloud.api.put(f"/images/{first.id}/file", data=DATA, headers=OCTETS).status_code == 204
        refused = cloud.api.put(f"/images/{second.id}/file", data=DATA, headers={**OCTETS, "Connection": "close"})
        assert refused.status_code == 413 and "image_size_total" in refused.text
        shown = used(cloud)["image_size_total"]
        assert shown["usage"] == shown["limit"] - 1 + len(DATA) // (1 << 20)
        cloud.api.delete_image(first)
        assert cloud.api.put(f"/images/{second.id}/file", data=DATA, headers=OCTETS).status_code == 204
    cloud.api.delete_image(second)
