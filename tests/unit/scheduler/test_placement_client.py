"""The typed client against the API it speaks to."""

from types import SimpleNamespace

import pytest
from keystoneauth1 import adapter, noauth, session

from common import config, ids
from common.clients.base import RemoteError
from common.clients.placement import Placement
from common.testing.api import FakeAuthenticator, Persona
from services.scheduler.api.app import make_app
from services.scheduler.api.state import State
from services.scheduler.config import SERVICE
from services.scheduler.domain.index import Index


@pytest.fixture
def placement(conf, database):
    """A Placement client whose HTTP ends in the app, in this process."""
    import requests
    from werkzeug.test import Client

    auth, persona = FakeAuthenticator(), Persona("service")
    auth.known[persona.token] = persona
    wsgi = Client(make_app(State(conf, database, Index()), auth))

    class Wire(requests.adapters.BaseAdapter):
        def send(self, request, **_):
            answer = wsgi.open(request.path_url, method=request.method, data=request.body,
                               headers={**request.headers, "X-Auth-Token": persona.token})
            made = requests.Response()
            made.status_code, made._content, made.request, made.url = answer.status_code, answer.data, request, request.url
            made.headers.update(answer.headers)
            return made

        def close(self):
            pass

    wire = requests.Session()
    wire.mount("http://", Wire())
    made = config.make(SERVICE)
    made([], default_config_files=[], default_config_dirs=[])
    client = Placement(SimpleNamespace(session=session.Session(session=wire), auth=noauth.NoAuth("http://placement"),
                                       conf=made))
    client._adapter = adapter.Adapter(client.sessions.session, auth=noauth.NoAuth("http://placement"),
                                      service_type="placement", endpoint_override="http://placement", raise_exc=True)
    return client


def test_a_provider_from_making_to_removing(placement):
    uuid, aggregate = ids.uuid(), ids.uuid()
    assert placement.provider(uuid) is None
    for _ in range(2):
        placement.ensure_provider(uuid, "host")
    assert placement.set_inventories(uuid, {"VCPU": {"total": 4, "allocation_ratio": 4.0}})
    assert not placement.set_inventories(uuid, {"VCPU": {"total": 4, "allocation_ratio": 4.0}})
    assert placement.set_traits(uuid, ["CUSTOM_FAST", "HW_CPU_X86_VMX"])
    assert not placement.set_traits(uuid, ["CUSTOM_FAST", "HW_CPU_X86_VMX"])
    assert placement.set_aggregates(uuid, [aggregate])
    assert not placement.set_aggregates(uuid, [aggregate])
    placement.ensure_provider(uuid, "renamed")
    assert placement.providers(member_of=aggregate)[0]["name"] == "renamed"
    placement.delete_provider(uuid)
    placement.delete_provider(uuid)
    assert placement.provider(uuid) is None


def test_allocations_are_put_moved_and_dropped(placement):
    one, two, consumer, migration = (ids.uuid() for _ in range(4))
    for uuid in (one, two):
        placement.ensure_provider(uuid, uuid)
        placement.set_inventories(uuid, {"VCPU": {"total": 2}})
    owner = {"project_id": "p", "user_id": "u"}
    placement.put_allocations(consumer, {one: {"VCPU": 1}}, **owner)
    for _ in range(2):
        placement.move_allocations(consumer, migration)
    assert placement.allocations(consumer) == {} and placement.allocations(migration) == {one: {"VCPU": 1}}
    placement.put_allocations(consumer, {one: {"VCPU": 1}, two: {"VCPU": 1}}, **owner)
    for _ in range(2):
        placement.drop_provider(consumer, one)
    assert placement.allocations(consumer) == {two: {"VCPU": 1}}
    assert placement.provider_allocations(one) == {migration: {"VCPU": 1}}
    with pytest.raises(RemoteError) as refused:
        placement.put_allocations(consumer, {two: {"VCPU": 3}}, **owner)
    assert refused.value.status == 409
    with pytest.raises(RemoteError):
        placement.delete_provider(one)
    for uuid in (consumer, migration, migration):
        placement.delete_allocations(uuid)
    assert placement.usages(one) == {"VCPU": 0}


def test_a_lost_race_is_run_again(placement):
    uuid = ids.uuid()
    placement.ensure_provider(uuid, "host")
    real, late = placement.put, []

    def put(path, body, **kwargs):
        if not late:
            late.append(1)
            real(f"/resource_providers/{uuid}/inventories/VCPU".rsplit("/", 1)[0],
                 {"resource_provider_generation": body["resource_provider_generation"], "inventories": {}})
        return real(path, body, **kwargs)

    placement.put = put
    assert placement.set_inventories(uuid, {"VCPU": {"total": 4}})
    assert placement.inventories(uuid)["VCPU"]["total"] == 4
