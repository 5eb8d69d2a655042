"""Identity on SQLite and on real MariaDB: who races for a name, a role or a use, and what names are the same."""

import base64
from urllib.parse import urlencode

import pytest

from common import clock
from services.identity.config import SERVICE
from services.identity.db.models import Base
from services.identity.domain import totp
from tests.api.identity.tests_identity_cloud import Cloud
from tests.functional import crowd

RACERS = 8
GOOD = {200, 201, 204}


@pytest.fixture(params=crowd.KINDS)
def cloud(request, tmp_path):
    with crowd.emptied(request.param, SERVICE, "identity-api", Base, tmp_path) as (conf, _):
        made = Cloud(tmp_path, database__connection=conf.database.connection)
        yield made
        made.db.dispose()


def statuses(cloud, *calls):
    """The status of every (method, path, body, caller) of `calls`, all at the same moment."""
    return crowd.race([lambda m=m, p=p, b=b, c=c: c.call(m, p, b).status_code for m, p, b, c in calls])


@pytest.mark.parametrize("path,body", [
    ("/v3/users", {"user": {"name": "x"}}), ("/v3/projects", {"project": {"name": "x"}}),
    ("/v3/groups", {"group": {"name": "x"}}),
    ("/v3/roles", {"role": {"name": "x"}}), ("/v3/domains", {"domain": {"name": "x"}}), ("/v3/regions", {"region": {"id": "x"}}),
])
def test_one_of_many_gets_a_name(cloud, path, body):
    found = statuses(cloud, *[("POST", path, body, cloud.admin)] * RACERS)
    assert sorted(found) == [201] + [409] * (RACERS - 1)


def test_the_same_grant_and_membership_by_all_at_once(cloud):
    ann, group = cloud.user("ann"), cloud.admin("POST", "/v3/groups", {"group": {"name": "g"}}, 201)["group"]["id"]
    grant = f"/v3/projects/{cloud.projects['demo']}/users/{ann}/roles/{cloud.roles['member']}"
    member = f"/v3/groups/{group}/users/{ann}"
    for path in (grant, member):
        assert set(statuses(cloud, *[("PUT", path, None, cloud.admin)] * RACERS)) == {204}
        taken = statuses(cloud, *[("DELETE", path, None, cloud.admin)] * RACERS)
        assert taken.count(204) == 1 and set(taken) == {204, 404}


def test_no_request_fails_while_roles_come_and_go(cloud):
    """Nobody sees a deadlock: what meets is granted, refused or not found."""
    people = [cloud.user(f"u{n}") for n in range(4)]
    demo = cloud.projects["demo"]

    def coming_and_going(number):
        found = []
        for turn in range(6):
            ann = people[(number + turn) % len(people)]
            path = f"/v3/projects/{demo}/users/{ann}/roles/{cloud.roles['member']}"
            found.append(cloud.admin.call("PUT", path).status_code)
            made = cloud.issue(cloud.auth(f"u{(number + turn) % len(people)}", "pw", {"project": {"id": demo}}))
            found.append(made.status_code)
            if made.status_code == 201:
                token = {"X-Subject-Token": made.headers["X-Subject-Token"]}
                found.append(cloud.admin.call("GET", "/v3/auth/tokens", headers=token).status_code)
                found.append(cloud.admin.call("DELETE", "/v3/auth/tokens", headers=token).status_code)
            found.append(cloud.admin.call("PATCH", f"/v3/users/{ann}", {"user": {"description": str(turn)}}).status_code)
            found.append(cloud.admin.call("DELETE", path).status_code)
        return found

    seen = {status for found in crowd.race([lambda n=n: coming_and_going(n) for n in range(6)]) for status in found}
    assert seen <= GOOD | {401, 404} and {201, 204} <= seen


def test_a_trust_is_used_as_often_as_it_says(cloud):
    ann, me = cloud.user("ann"), cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    made = cloud.demo()("POST", "/v3/OS-TRUST/trusts", {"trust": {
        "trustor_user_id": me, "trustee_user_id": ann, "impersonation": False, "project_id": cloud.projects["demo"],
        "roles": [{"name": "member"}], "remaining_uses": 3}}, 201)["trust"]["id"]
    body = cloud.auth("ann", "pw", {"OS-TRUST:trust": {"id": made}})
    found = statuses(cloud, *[("POST", "/v3/auth/tokens", body, cloud.anonymous)] * RACERS)
    assert sorted(found) == [201] * 3 + [401] * (RACERS - 3)


def test_a_passcode_is_taken_once(cloud):
    secret = base64.b32encode(b"12345678901234567890").decode()
    ann = cloud.user("ann")
    cloud.admin("POST", "/v3/credentials", {"credential": {"user_id": ann, "type": "totp", "blob": secret}}, 201)
    code = totp.passcode(secret, int(clock.time()) // 30)
    body = {"auth": {"identity": {"methods": ["totp"], "totp": {"user": {"id": ann, "passcode": code}}}}}
    found = statuses(cloud, *[("POST", "/v3/auth/tokens", body, cloud.anonymous)] * RACERS)
    assert sorted(found) == [201] + [401] * (RACERS - 1)


def test_nothing_is_left_of_what_was_deleted_meanwhile(cloud):
    ann = cloud.user("ann")
    for _ in range(3):
        place = cloud.admin("POST", "/v3/projects", {"project": {"name": "gone"}}, 201)["project"]["id"]
        grant = f"/v3/projects/{place}/users/{ann}/roles/{cloud.roles['member']}"
        statuses(cloud, ("DELETE", f"/v3/projects/{place}", None, cloud.admin), *[("PUT", grant, None, cloud.admin)] * 4)
        cloud.admin("GET", f"/v3/projects/{place}", status=404)
        assert cloud.admin("GET", f"/v3/role_assignments?user.id={ann}")["role_assignments"] == []


def test_names_differ_by_case_and_accent(cloud):
    """As on SQLite, so on MariaDB; an upstream on MySQL would take some of these for the same."""
    names = ["Ann", "ann", "ANN", "änn", "an n", "ann\u0301", "\U0001f600"]
    made = {name: cloud.user(name) for name in names}
    assert len(set(made.values())) == len(names)
    for name, user_id in made.items():
        found = cloud.admin("GET", "/v3/users?" + urlencode({"name": name}))["users"]
        assert [u["id"] for u in found] == [user_id]
        assert cloud.issue(cloud.auth(name, "pw")).get_json()["token"]["user"]["id"] == user_id
    assert cloud.issue(cloud.auth("aNN", "pw")).status_code == 401
    found = cloud.admin("GET", "/v3/users?name__icontains=ann")["users"]
    assert {"Ann", "ann", "ANN"} <= {u["name"] for u in found}


def test_pages_hold_everybody_once_and_in_one_order(cloud):
    made = {cloud.user(f"{'aAbBäÄ'[n % 6]}{n}") for n in range(11)}
    seen, path = [], "/v3/users?limit=3"
    while path:
        page = cloud.admin("GET", path)
        seen += [u["id"] for u in page["users"]]
        path = (page["links"]["next"] or "").partition("http://localhost")[2]
    everybody = [u["id"] for u in cloud.admin("GET", "/v3/users")["users"]]
    assert seen == everybody and made <= set(seen) and len(seen) == len(set(seen))

