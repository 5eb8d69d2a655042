"""The number of queries of a list does not grow with what the list holds."""

from common.db.session import counted


def grow(cloud):
    """One more of everything that some list shows; returns its user, group and project."""
    number = len(cloud.admin("GET", "/v3/users")["users"])
    admin, ann = cloud.admin, cloud.user(f"u{number}")

    def make(noun, plural=None, **values):
        return admin("POST", f"/v3/{plural or noun + 's'}", {noun: values}, 201)[noun]["id"]

    domain = make("domain", name=f"d{number}", tags=["t"])
    place = make("project", name=f"p{number}", tags=["a", "b"])
    group, role = make("group", name=f"g{number}"), make("role", name=f"r{number}")
    service = make("service", type=f"t{number}", name="s")
    endpoint = make("endpoint", service_id=service, interface="public", url="http://x/$(project_id)s")
    make("region", description="d")
    make("policy", "policies", type="t", blob="b")
    make("credential", user_id=cloud.made["admin_id"], type="cert", blob=str(number))
    filters = make("endpoint_group", "OS-EP-FILTER/endpoint_groups", name=f"f{number}", filters={"interface": "public"})
    home = cloud.projects["admin"]
    for path in (f"/v3/projects/{place}/users/{cloud.made['admin_id']}/roles/{role}", f"/v3/groups/{group}/users/{ann}",
                 f"/v3/groups/{group}/users/{cloud.made['admin_id']}", f"/v3/domains/{domain}/groups/{group}/roles/{role}",
                 f"/v3/OS-EP-FILTER/projects/{home}/endpoints/{endpoint}",
                 f"/v3/OS-EP-FILTER/endpoint_groups/{filters}/projects/{home}"):
        admin("PUT", path, status=204)
    admin("PUT", f"/v3/roles/{role}/implies/{cloud.roles['reader']}", status=201)
    place_of = {"service_id": service, "region_id": None, "resource_name": "cpu"}
    admin("POST", "/v3/registered_limits", {"registered_limits": [{**place_of, "default_limit": 9}]}, 201)
    admin("POST", "/v3/limits", {"limits": [{**place_of, "project_id": place, "resource_limit": 5}]}, 201)
    scoped = cloud.login("admin", "secret", {"project": {"id": home}})
    scoped("POST", f"/v3/users/{cloud.made['admin_id']}/application_credentials", {"application_credential": {
        "name": f"a{number}", "access_rules": [{"service": "compute", "method": "GET", "path": f"/{number}"}]}}, 201)
    scoped("POST", "/v3/OS-TRUST/trusts", {"trust": {
        "trustor_user_id": cloud.made["admin_id"], "trustee_user_id": ann, "impersonation": False, "project_id": home,
        "roles": [{"name": "member"}]}}, 201)
    scoped("POST", f"/v3/users/{cloud.made['admin_id']}/credentials/OS-EC2", {"tenant_id": home}, 201)


LISTS = [
    "users", "groups", "projects", "domains", "roles", "role_inferences", "role_assignments", "role_assignments?effective",
    "role_assignments?include_names", "role_assignments?effective&include_names", "regions", "services", "endpoints", "policies",
    "credentials", "limits",
    "registered_limits", "OS-EP-FILTER/endpoint_groups", "OS-EP-FILTER/projects/{home}/endpoints",
    "OS-EP-FILTER/projects/{home}/endpoint_groups", "OS-TRUST/trusts", "OS-REVOKE/events", "auth/projects", "auth/domains",
    "auth/catalog", "users/{me}/groups", "users/{me}/projects", "users/{me}/application_credentials", "users/{me}/access_rules",
    "users/{me}/credentials/OS-EC2", "projects/{home}/tags", "roles/{admin}/implies",
]


def test_lists_take_as_many_queries_however_long_they_are(cloud):
    names = {"home": cloud.projects["admin"], "me": cloud.made["admin_id"], "admin": cloud.roles["admin"]}
    paths = ["/v3/" + path.format(**names) for path in LISTS]
    numbers, lengths = [], []
    for _ in range(2):
        for _ in range(3):
            grow(cloud)
        for path in paths:
            cloud.admin("GET", path)  # the caller's token is known from here on
            with counted(cloud.db) as seen:
                answer = cloud.admin("GET", path)
            numbers.append((path, len([s for s in seen if s != "BEGIN"])))
            lengths.append(len(next(v for k, v in answer.items() if isinstance(v, list))) if "implies" not in path else 0)
    half = len(paths)
    assert numbers[:half] == numbers[half:]
    assert max(number for _, number in numbers) <= 10
    grown = [path for path, few, many in zip(paths, lengths[:half], lengths[half:], strict=True) if many > few]
    assert len(grown) >= half - 3, sorted(set(paths) - set(grown))
