"""A token dies with whatever it stands on, at once, in both forms; and rotating keys fails no request."""

import threading

import pytest
from tests_identity_cloud import Caller

from common import clock


class Ground:
    """A user that holds `member` on a project in a domain of its own, by itself or by something between."""

    def __init__(self, cloud):
        self.cloud, admin = cloud, cloud.admin
        self.domain = admin("POST", "/v3/domains", {"domain": {"name": "d"}}, 201)["domain"]["id"]
        self.project = admin("POST", "/v3/projects", {"project": {"name": "p", "domain_id": self.domain}}, 201)["project"]["id"]
        self.group = admin("POST", "/v3/groups", {"group": {"name": "g", "domain_id": self.domain}}, 201)["group"]["id"]
        self.role = admin("POST", "/v3/roles", {"role": {"name": "r"}}, 201)["role"]["id"]
        self.user, self.friend = cloud.user("u", domain=self.domain), cloud.user("friend", domain=self.domain)
        self.grant = f"/v3/projects/{self.project}/users/{self.user}/roles/{self.role}"

    def login(self, name="u", **scope):
        return self.cloud.login(name, "pw", scope or {"project": {"id": self.project}}, self.domain)

    def put(self, path, status=204):
        self.cloud.admin("PUT", path, status=status)

    def delete(self, path):
        self.cloud.admin("DELETE", path, status=204)

    def patch(self, noun, id_, **values):
        self.cloud.admin("PATCH", f"/v3/{noun}s/{id_}", {noun: values})


def direct(g):
    g.put(g.grant)
    return g.login()


def by_group(g):
    g.put(f"/v3/projects/{g.project}/groups/{g.group}/roles/{g.role}")
    g.put(f"/v3/groups/{g.group}/users/{g.user}")
    return g.login()


def inherited(g):
    g.put(f"/v3/OS-INHERIT/domains/{g.domain}/users/{g.user}/roles/{g.role}/inherited_to_projects")
    return g.login()


def on_domain(g):
    g.put(f"/v3/domains/{g.domain}/users/{g.user}/roles/{g.role}")
    return g.login(domain={"id": g.domain})


def on_system(g):
    g.put(f"/v3/system/users/{g.user}/roles/{g.role}")
    return g.login(system={"all": True})


def by_trust(g):
    g.put(g.grant)
    body = {"trustor_user_id": g.user, "trustee_user_id": g.friend, "impersonation": True, "project_id": g.project,
            "roles": [{"id": g.role}], "expires_at": clock.iso(clock.after(600))}
    g.trust = g.login()("POST", "/v3/OS-TRUST/trusts", {"trust": body}, 201)["trust"]["id"]
    return g.login("friend", **{"OS-TRUST:trust": {"id": g.trust}})


def by_application_credential(g):
    g.put(g.grant)
    made = g.login()("POST", f"/v3/users/{g.user}/application_credentials", {"application_credential": {
        "name": "a", "expires_at": clock.iso(clock.after(600))}}, 201)["application_credential"]
    g.credential = made["id"]
    named = {"id": made["id"], "secret": made["secret"]}
    body = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": named}}}
    return Caller(g.cloud.app, g.cloud.issue(body).headers["X-Subject-Token"])


DEATHS = {
    "user disabled": (direct, lambda g: g.patch("user", g.user, enabled=False)),
    "user deleted": (direct, lambda g: g.delete(f"/v3/users/{g.user}")),
    "password set": (direct, lambda g: g.patch("user", g.user, password="new")),
    "password changed": (direct, lambda g: g.cloud.anonymous("POST", f"/v3/users/{g.user}/password", {
        "user": {"original_password": "pw", "password": "new"}}, 204)),
    "tokens revoked": (direct, lambda g: g.delete(f"/v3/users/{g.user}/tokens")),
    "project disabled": (direct, lambda g: g.patch("project", g.project, enabled=False)),
    "project deleted": (direct, lambda g: g.delete(f"/v3/projects/{g.project}")),
    "domain disabled": (direct, lambda g: g.patch("domain", g.domain, enabled=False)),
    "role taken away": (direct, lambda g: g.delete(g.grant)),
    "role deleted": (direct, lambda g: g.delete(f"/v3/roles/{g.role}")),
    "left the group": (by_group, lambda g: g.delete(f"/v3/groups/{g.group}/users/{g.user}")),
    "group deleted": (by_group, lambda g: g.delete(f"/v3/groups/{g.group}")),
    "group lost the role": (by_group, lambda g: g.delete(f"/v3/projects/{g.project}/groups/{g.group}/roles/{g.role}")),
    "inherited role taken": (inherited, lambda g: g.delete(
        f"/v3/OS-INHERIT/domains/{g.domain}/users/{g.user}/roles/{g.role}/inherited_to_projects")),
    "role on the domain taken": (on_domain, lambda g: g.delete(f"/v3/domains/{g.domain}/users/{g.user}/roles/{g.role}")),
    "scope's domain disabled": (on_domain, lambda g: g.patch("domain", g.domain, enabled=False)),
    "role on the system taken": (on_system, lambda g: g.delete(f"/v3/system/users/{g.user}/roles/{g.role}")),
    "trust deleted": (by_trust, lambda g: g.login()("DELETE", f"/v3/OS-TRUST/trusts/{g.trust}", status=204)),
    "trustor disabled": (by_trust, lambda g: g.patch("user", g.user, enabled=False)),
    "trustor deleted": (by_trust, lambda g: g.delete(f"/v3/users/{g.user}")),
    "trustee disabled": (by_trust, lambda g: g.patch("user", g.friend, enabled=False)),
    "trustor lost the role": (by_trust, lambda g: g.delete(g.grant)),
    "application credential deleted": (by_application_credential, lambda g: g.delete(
        f"/v3/users/{g.user}/application_credentials/{g.credential}")),
    "its owner disabled": (by_application_credential, lambda g: g.patch("user", g.user, enabled=False)),
    "its owner lost the role": (by_application_credential, lambda g: g.delete(g.grant)),
    "its project deleted": (by_application_credential, lambda g: g.delete(f"/v3/projects/{g.project}")),
}


@pytest.mark.parametrize("provider", ["fernet", "jws"])
@pytest.mark.parametrize("why", DEATHS)
def test_a_token_dies_with_its_ground(make_cloud, why, provider):
    cloud = make_cloud(token__provider=provider)
    start, end = DEATHS[why]
    ground = Ground(cloud)
    caller = start(ground)
    assert cloud.valid(caller.token)
    caller("GET", "/v3/auth/projects")
    end(ground)
    assert not cloud.valid(caller.token)
    caller("GET", "/v3/auth/projects", status=401)
    rescope = {"auth": {"identity": {"methods": ["token"], "token": {"id": caller.token}}}}
    assert cloud.issue(rescope).status_code in (401, 404)


@pytest.mark.parametrize("start", [by_trust, by_application_credential])
def test_a_token_ends_with_what_it_was_got_by(cloud, start):
    with clock.frozen(clock.time()) as time:
        caller = start(Ground(cloud))
        caller("GET", "/v3/auth/projects")
        time.advance(601)
        caller("GET", "/v3/auth/projects", status=401)


def test_taking_one_of_two_roles_leaves_the_token_with_the_other(cloud):
    ground = Ground(cloud)
    caller = direct(ground)
    other = f"/v3/projects/{ground.project}/users/{ground.user}/roles/{cloud.roles['reader']}"
    ground.put(other)
    shown = cloud.admin("GET", "/v3/auth/tokens", X_Subject_Token=caller.token)["token"]
    assert {r["name"] for r in shown["roles"]} == {"r", "reader"}
    ground.delete(other)
    shown = cloud.admin("GET", "/v3/auth/tokens", X_Subject_Token=caller.token)["token"]
    assert [r["name"] for r in shown["roles"]] == ["r"]


@pytest.mark.parametrize("provider", ["fernet", "jws"])
def test_keys_rotate_under_load_without_a_failed_request(make_cloud, provider):
    cloud = make_cloud(token__provider=provider)
    format_ = cloud.state.tokens.tokens
    old, failed, done = cloud.demo(), [], threading.Event()

    def ask():
        while not done.is_set():
            cloud.state.tokens._found.clear()
            found = [caller.call("GET", "/v3/auth/projects").status_code for caller in (old, cloud.demo())]
            failed.extend(status for status in found if status != 200)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    rotate = format_.keys.rotate if provider == "fernet" else format_.rotate
    rotate()
    cloud.demo()("GET", "/v3/auth/projects")
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
