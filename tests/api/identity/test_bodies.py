"""Bodies that do not fit: status and words of upstream's newest release, noun by noun."""

import pytest

_BLAME = ("The server could not comply with the request since it is either malformed or otherwise incorrect. The client is "
          "assumed to be in error.")
_LONG = "x" * 256


def _field(name, value, why):
    return f"Invalid input for field/attribute {name}. Value: {value}. {why}"


def _column(name, value, most):
    return (f"String length exceeded. The length of string '{value}' exceeds the limit of column {name}(CHAR({most})).")


_FLAGS = ("[True, 'True', 'TRUE', 'true', False, 'False', 'FALSE', 'false', '', '1', '0', 'y', 'Y', 'n', 'N', 'on', 'ON', 'off', "
          "'OFF', 'yes', 'no']")


@pytest.mark.parametrize("path,body,message", [
    ("/users", {"user": {"name": "x", "enabled": 5}}, _field("enabled", 5, "5 is not of type 'boolean', 'string', 'null'")),
    ("/projects", {"project": {"name": "x", "is_domain": "no idea"}},
     _field("is_domain", "no idea", f"'no idea' is not one of {_FLAGS}")),
    ("/domains", {"domain": {"name": "x", "enabled": None}}, _field("enabled", None, f"None is not one of {_FLAGS}")),
    ("/domains", {"domain": {"name": "x", "enabled": "true"}}, _field("enabled", "true", "'true' is not of type 'boolean'")),
    ("/users", {"user": {"name": "x"}, "more": 1}, "Additional properties are not allowed ('more' was unexpected)"),
    ("/users", {"more": {}}, "'user' is a required property"),
    ("/projects", {"more": {}}, "Additional properties are not allowed ('more' was unexpected)"),
    ("/users", {"user": {"name": "x", "default_project_id": "y" * 65}}, _column("default_project_id", "y" * 65, 64)),
    ("/groups", {"group": {"name": "y" * 65}}, _column("name", "y" * 65, 64)),
    ("/groups", {"group": {"name": _LONG}}, _field("name", _LONG, f"'{_LONG}' is too long")),
    ("/roles", {"role": {"name": "x", "description": _LONG}}, _column("description", _LONG, 255)),
    ("/domains", {"domain": {"name": "x", "description": _LONG}}, _field("description", _LONG, f"'{_LONG}' is too long")),
    ("/regions", {"region": {"parent_region_id": ""}}, _field("parent_region_id", "", "'' should be non-empty")),
    ("/credentials", {"credential": {"blob": "b", "type": _LONG, "user_id": "u"}}, _column("type", _LONG, 255)),
    ("/OS-EP-FILTER/endpoint_groups", {"endpoint_group": {"name": "x", "filters": {"enabled": True}}},
     f"Expecting to find service_id or region_id or interface in endpoint_group. {_BLAME}"),
    ("/OS-EP-FILTER/endpoint_groups", {"endpoint_group": {"name": "x", "filters": {}, "id": "y"}},
     _field("endpoint_group", {"name": "x", "filters": {}, "id": "y"},
            "Additional properties are not allowed ('id' was unexpected)")),
])
def test_what_a_new_thing_cannot_be(cloud, path, body, message):
    assert cloud.admin("POST", "/v3" + path, body, 400)["error"]["message"] == message


@pytest.mark.parametrize("noun,more", [("user", {}), ("group", {}), ("project", {}), ("domain", {})])
def test_blanks_around_a_name_do_not_count(cloud, noun, more):
    path = f"/v3/{noun}s"
    made = cloud.admin("POST", path, {noun: {"name": " a\n", **more}}, 201)[noun]
    assert made["name"] == "a"
    cloud.admin("POST", path, {noun: {"name": "a ", **more}}, 409)
    assert cloud.admin("PATCH", f"{path}/{made['id']}", {noun: {"name": "\tb"}})[noun]["name"] == "b"


def test_names_of_roles_and_services_are_as_given(cloud):
    assert cloud.admin("POST", "/v3/roles", {"role": {"name": " a"}}, 201)["role"]["name"] == " a"
    service = cloud.admin("POST", "/v3/services", {"service": {"type": "  ", "description": [1]}}, 201)["service"]
    assert service["type"] == "  " and service["description"] == [1] and service["name"] == ""


def test_what_a_change_may_not_touch(cloud):
    user, project = cloud.user("x"), cloud.projects["demo"]
    said = {path: cloud.admin("PATCH", f"/v3/{path}", body, status)["error"]["message"] for path, body, status in (
        (f"users/{user}", {"user": {"id": None}}, 400), (f"projects/{project}", {"project": {"parent_id": 5}}, 403))}
    assert list(said.values()) == ["Cannot change user ID", "Update of `parent_id` is not allowed."]
    group = cloud.admin("POST", "/v3/groups", {"group": {"name": "g"}}, 201)["group"]["id"]
    cloud.admin("PATCH", f"/v3/groups/{group}", {"group": {"id": None}})
    said = cloud.admin("PATCH", f"/v3/groups/{group}", {"group": {"domain_id": [1]}}, 400)
    assert said["error"]["message"] == "Cannot change Domain ID"


def test_a_domain_takes_no_notice_of_what_makes_it_a_project(cloud):
    domain = cloud.admin("POST", "/v3/domains", {"domain": {"name": "d"}}, 201)["domain"]["id"]
    body = {"domain": {"is_domain": False, "parent_id": "default", "domain_id": "default"}}
    cloud.admin("PATCH", f"/v3/domains/{domain}", body)
    shown = cloud.admin("GET", f"/v3/projects/{domain}")["project"]
    assert shown["is_domain"] and shown["parent_id"] is None and shown["domain_id"] is None


def test_tags_of_an_immutable_project(cloud):
    body = {"project": {"name": "x", "options": {"immutable": True}}}
    project = cloud.admin("POST", "/v3/projects", body, 201)["project"]["id"]
    said = cloud.admin("PUT", f"/v3/projects/{project}/tags", {"tags": ["a"]}, 403)["error"]["message"]
    assert said == (f"Cannot update project tags for {project}, project is immutable. Set \"immutable\" option to false before "
                    "creating project tags.")


@pytest.mark.parametrize("text,status", [
    ("2037-01-01T00:00:00Z", 201), ("2037-01-01T00:00:00.000000Z", 201), ("2037-01-01 00:00:00", 201), ("20370101T000000Z", 201),
    ("2037-01-01", 400), ("2037-01-01T00:00:00+01:00", 400), ("tomorrow", 400), ("", 400), ("2015-01-01T00:00:00Z", 400),
])
def test_when_a_delegation_may_end(cloud, text, status):
    demo = cloud.demo()
    me = cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    body = {"application_credential": {"name": "a", "expires_at": text}}
    demo("POST", f"/v3/users/{me}/application_credentials", body, status)
    trust = {"trustor_user_id": me, "trustee_user_id": cloud.made["admin_id"], "impersonation": False, "expires_at": text,
             "project_id": cloud.projects["demo"], "roles": [{"name": "member"}]}
    demo("POST", "/v3/OS-TRUST/trusts", {"trust": trust}, status)
    if status == 201:
        demo("POST", "/v3/OS-TRUST/trusts", {"trust": trust}, 409)
        demo("POST", "/v3/OS-TRUST/trusts", {"trust": {**trust, "impersonation": True}}, 201)


@pytest.mark.parametrize("role,why", [
    ({}, "{} should be non-empty"), ({"zork": 1}, "Additional properties are not allowed ('zork' was unexpected)"),
    ({"id": "x", "name": "y"}, "{'id': 'x', 'name': 'y'} has too many properties"),
])
def test_a_delegated_role_is_named_once(cloud, role, why):
    demo = cloud.demo()
    me = cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    body = {"application_credential": {"name": "a", "roles": [role]}}
    said = demo("POST", f"/v3/users/{me}/application_credentials", body, 400)["error"]["message"]
    assert said == _field("0", role, why)


def test_an_application_credential_holds_what_its_roles_imply(cloud):
    demo = cloud.demo()
    me = cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    body = {"application_credential": {"name": "a", "roles": [{"name": "member"}]}}
    made = demo("POST", f"/v3/users/{me}/application_credentials", body, 201)["application_credential"]
    assert {r["name"] for r in made["roles"]} == {"member", "reader"}


def test_the_configuration_of_a_domain(cloud):
    domain = cloud.admin("POST", "/v3/domains", {"domain": {"name": "d"}}, 201)["domain"]["id"]
    place, start = f"/v3/domains/{domain}/config", "Invalid domain specific configuration: "
    for body in ({}, {"config": None}, {"config": {}}, {"more": {}}):
        assert cloud.admin("PUT", place, body, 403)["error"]["message"] == start + "No options specified."
    said = cloud.admin("PUT", place, {"config": {"zork": 5}}, 403)["error"]["message"]
    assert said == start + "The value of group zork specified in the config should be a dictionary of options."
    cloud.admin("PUT", place, {"config": 5}, 400)
    assert cloud.admin("PUT", place, {"config": {"ldap": {"password": "x"}}}, 201) == {"config": {}}
    assert cloud.admin("PUT", place, {"config": {"ldap": {"url": None}}})["config"] == {"ldap": {"url": None}}
    cloud.admin("PATCH", "/v3/domains/nowhere/config", {}, 404)
    cloud.admin("PATCH", "/v3/domains/nowhere/config/zork/zork", {"config": 5}, 404)


def test_a_limit_is_of_one_project_or_domain(cloud):
    service = cloud.admin("POST", "/v3/services", {"service": {"type": "x"}}, 201)["service"]["id"]
    what = {"service_id": service, "resource_name": "cores"}
    cloud.admin("POST", "/v3/registered_limits", {"registered_limits": [{**what, "default_limit": 5}]}, 201)
    project = cloud.projects["demo"]

    def said(status=400, **owner):
        body = {"limits": [{**what, "resource_limit": 5, **owner}]}
        return cloud.admin("POST", "/v3/limits", body, status).get("error", {}).get("message")

    assert said(project_id="") == _field("project_id", "", "'' should be non-empty")
    assert said(project_id="none") == said(project_id=None) == f"Expecting to find project_id in limit. {_BLAME}"
    assert said(domain_id=project) == f"Expecting to find domain_id in limit. {_BLAME}"
    assert "is valid under each of" in said(project_id=project, domain_id=None)
    said(201, project_id=project)
    said(201, project_id="default")  # a domain named as a project has the limit of a domain
    assert {(x["project_id"], x["domain_id"]) for x in cloud.admin("GET", "/v3/limits")["limits"]} == {
        (project, None), (None, "default")}


def test_what_no_project_is_for_an_ec2_credential(cloud):
    user = cloud.user("x")
    for body in ({}, {"tenant_id": None}, {"tenant_id": ["x"]}, {"tenant_id": "a b"}):
        shown = body.get("tenant_id")
        said = cloud.admin("POST", f"/v3/users/{user}/credentials/OS-EC2", body, 404)["error"]["message"]
        assert said == f"Could not find project: {shown}."


def test_only_who_knows_the_password_hears_that_the_user_is_disabled(cloud):
    ann = cloud.user("ann")
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"enabled": False}})
    refused = "The request you have made requires authentication."
    for given, said in (("pw", f"The account is disabled for user: {ann}."), ("no", refused)):
        body = {"user": {"original_password": given, "password": "new"}}
        assert cloud.anonymous("POST", f"/v3/users/{ann}/password", body, 401)["error"]["message"] == said
    assert cloud.issue(cloud.auth("ann", "pw")).get_json()["error"]["message"] == refused
