"""Who may do what in identity, as upstream documents its defaults: a body for every route, and the personas each rule lets pass.

Letters: A the role admin, X that on the system, S a reader of the system, D a reader of the target's domain (d: of any), M a manager
of it (n: of any domain, m: of anything), P a token for the target project, p one for something in the target domain, Q and L one for
the project or the domain of a limit, T the service role, E everybody.
"""
# ruff: noqa: E501

ALL, NOT_DOMAIN, PROJECT = ("system", "domain", "project"), ("system", "project"), ("project",)

RULES: dict[str, tuple[str, tuple[str, ...]]] = {}
for _noun, _reader, _writer, _scopes in (
    ("user", "ASD", "AM", ALL), ("group", "ASD", "AM", ALL), ("project", "ASDP", "AM", ALL), ("project_tag", "ASDP", "AM", ALL),
    ("service", "AS", "A", NOT_DOMAIN), ("endpoint", "AS", "A", NOT_DOMAIN), ("region", "E", "A", NOT_DOMAIN),
    ("policy", "AS", "A", NOT_DOMAIN), ("endpoint_group", "AS", "A", NOT_DOMAIN), ("implied_role", "AS", "A", NOT_DOMAIN),
    ("registered_limit", "E", "A", NOT_DOMAIN), ("domain_config", "AS", "A", NOT_DOMAIN),
):
    _plural = {"policy": "policies"}.get(_noun, _noun + "s")
    for _verb in ("get", "list", "check"):
        RULES[f"identity:{_verb}_{_noun if _verb != 'list' else _plural}"] = (_reader, ALL if _reader == "E" else _scopes)
    for _verb in ("create", "update", "delete"):
        RULES[f"identity:{_verb}_{_noun}"] = (_writer, _scopes)
for _thing in ("endpoint", "service", "region_and_service"):
    for _verb in ("create", "check", "delete"):
        RULES[f"identity:{_verb}_policy_association_for_{_thing}"] = ("AS" if _verb == "check" else "A", NOT_DOMAIN)
for _actor in ("user", "group"):
    for _name, _who in (("list_system_grants_for_", "AS"), ("check_system_grant_for_", "AS"), ("create_system_grant_for_", "A"),
                        ("revoke_system_grant_for_", "A")):
        RULES[f"identity:{_name}{_actor}"] = (_who, NOT_DOMAIN)
RULES.update({
    "identity:list_projects": ("ASd", ALL), "identity:list_users": ("ASd", ALL), "identity:list_groups": ("ASd", ALL),
    "identity:list_role_assignments": ("ASd", ALL), "identity:list_domains": ("ASd", ALL),
    "identity:get_domain": ("ASDp", ALL), "identity:create_domain": ("A", NOT_DOMAIN), "identity:update_domain": ("A", NOT_DOMAIN),
    "identity:delete_domain": ("A", NOT_DOMAIN), "identity:list_user_projects": ("ASD", ALL),
    "identity:list_groups_for_user": ("ASD", ALL), "identity:list_users_in_group": ("ASD", ALL),
    "identity:check_user_in_group": ("ASD", ALL), "identity:add_user_to_group": ("AM", ALL),
    "identity:remove_user_from_group": ("AM", ALL), "identity:update_project_tags": ("AM", ALL),
    "identity:delete_project_tags": ("AM", ALL), "identity:get_role": ("ASm", ALL), "identity:list_roles": ("ASn", ALL),
    "identity:create_role": ("A", NOT_DOMAIN), "identity:update_role": ("A", NOT_DOMAIN), "identity:delete_role": ("A", NOT_DOMAIN),
    "identity:list_role_inference_rules": ("AS", NOT_DOMAIN), "identity:list_grants": ("ASD", ALL),
    "identity:check_grant": ("ASD", ALL), "identity:create_grant": ("AM", ALL), "identity:revoke_grant": ("AM", ALL),
    "identity:get_domain_config_default": ("AS", NOT_DOMAIN), "identity:get_domain_config": ("AS", NOT_DOMAIN),
    "identity:get_policy_for_endpoint": ("AS", NOT_DOMAIN), "identity:list_endpoints_for_policy": ("AS", NOT_DOMAIN),
    "identity:list_endpoints_associated_with_endpoint_group": ("AS", NOT_DOMAIN),
    "identity:list_projects_associated_with_endpoint_group": ("AS", NOT_DOMAIN),
    "identity:get_endpoint_group_in_project": ("AS", NOT_DOMAIN), "identity:add_endpoint_group_to_project": ("A", NOT_DOMAIN),
    "identity:remove_endpoint_group_from_project": ("A", NOT_DOMAIN), "identity:list_projects_for_endpoint": ("AS", NOT_DOMAIN),
    "identity:list_endpoint_groups_for_project": ("AS", NOT_DOMAIN), "identity:list_endpoints_for_project": ("AS", NOT_DOMAIN),
    "identity:check_endpoint_in_project": ("AS", NOT_DOMAIN), "identity:add_endpoint_to_project": ("A", NOT_DOMAIN),
    "identity:remove_endpoint_from_project": ("A", NOT_DOMAIN), "identity:create_registered_limits": ("A", NOT_DOMAIN),
    "identity:get_limit_model": ("E", ALL), "identity:list_limits": ("E", ALL), "identity:get_limit": ("ASLQ", ALL),
    "identity:create_limits": ("A", NOT_DOMAIN), "identity:update_limit": ("A", NOT_DOMAIN), "identity:delete_limit": ("A", NOT_DOMAIN),
    "identity:list_trusts": ("AS", NOT_DOMAIN), "identity:create_trust": ("", PROJECT), "identity:get_trust": ("AS", NOT_DOMAIN),
    "identity:delete_trust": ("A", NOT_DOMAIN), "identity:list_roles_for_trust": ("AS", NOT_DOMAIN),
    "identity:get_role_for_trust": ("AS", NOT_DOMAIN), "identity:list_application_credentials": ("AS", NOT_DOMAIN),
    "identity:get_application_credential": ("AS", NOT_DOMAIN), "identity:create_application_credential": ("", PROJECT),
    "identity:delete_application_credential": ("A", NOT_DOMAIN), "identity:list_access_rules": ("S", NOT_DOMAIN),
    "identity:get_access_rule": ("S", NOT_DOMAIN), "identity:delete_access_rule": ("X", NOT_DOMAIN),
    "identity:ec2_list_credentials": ("AS", NOT_DOMAIN), "identity:ec2_get_credential": ("AS", NOT_DOMAIN),
    "identity:ec2_create_credential": ("A", NOT_DOMAIN), "identity:ec2_delete_credential": ("A", NOT_DOMAIN),
    "identity:list_credentials": ("E", ALL), "identity:get_credential": ("AS", ALL), "identity:create_credential": ("A", ALL),
    "identity:update_credential": ("A", ALL), "identity:delete_credential": ("A", ALL),
    "identity:ec2tokens_validate": ("AT", ALL), "identity:s3tokens_validate": ("AT", ALL),
    "identity:list_revoke_events": ("AT", NOT_DOMAIN), "identity:check_token": ("AS", ALL), "identity:validate_token": ("AST", ALL),
    "identity:revoke_token": ("A", ALL), "identity:revoke_tokens_for_user": ("A", ALL),
    "identity:get_auth_catalog": ("E", ALL), "identity:get_auth_projects": ("E", ALL), "identity:get_auth_domains": ("E", ALL),
    "identity:get_auth_system": ("E", ALL),
})

_LIMIT = {"service_id": "{service_id}", "resource_name": "cores"}
BODIES = {  # (method, path) -> a body that is right
    "POST /v3/projects": {"project": {"name": "{new}", "domain_id": "{domain_id}"}},
    "PATCH /v3/projects/<project_id>": {"project": {"description": "x"}},
    "PUT /v3/projects/<project_id>/tags": {"tags": ["x"]},
    "POST /v3/domains": {"domain": {"name": "{new}"}}, "PATCH /v3/domains/<domain_id>": {"domain": {"description": "x"}},
    "POST /v3/users": {"user": {"name": "{new}", "domain_id": "{domain_id}"}},
    "PATCH /v3/users/<user_id>": {"user": {"description": "x"}},
    "POST /v3/groups": {"group": {"name": "{new}", "domain_id": "{domain_id}"}},
    "PATCH /v3/groups/<group_id>": {"group": {"description": "x"}},
    "POST /v3/roles": {"role": {"name": "{new}"}}, "PATCH /v3/roles/<role_id>": {"role": {"description": "x"}},
    "POST /v3/regions": {"region": {"id": "{new}"}}, "PUT /v3/regions/<region_id>": {"region": {}},
    "PATCH /v3/regions/<region_id>": {"region": {"description": "x"}},
    "POST /v3/services": {"service": {"type": "{new}", "name": "n"}},
    "PATCH /v3/services/<service_id>": {"service": {"description": "x"}},
    "POST /v3/endpoints": {"endpoint": {"interface": "public", "service_id": "{service_id}", "url": "http://x"}},
    "PATCH /v3/endpoints/<endpoint_id>": {"endpoint": {"url": "http://y"}},
    "POST /v3/OS-TRUST/trusts": {"trust": {
        "trustor_user_id": "{user_id}", "trustee_user_id": "{user_id}", "impersonation": False, "project_id": "{project_id}",
        "roles": [{"name": "member"}]}},
    "POST /v3/users/<user_id>/application_credentials": {"application_credential": {"name": "{new}"}},
    "POST /v3/users/<user_id>/credentials/OS-EC2": {"tenant_id": "{project_id}"},
    "POST /v3/credentials": {"credential": {"user_id": "{user_id}", "type": "cert", "blob": "b"}},
    "PATCH /v3/credentials/<credential_id>": {"credential": {"blob": "c"}},
    "POST /v3/policies": {"policy": {"type": "t", "blob": "b"}}, "PATCH /v3/policies/<policy_id>": {"policy": {"blob": "c"}},
    "POST /v3/OS-EP-FILTER/endpoint_groups": {"endpoint_group": {"name": "{new}", "filters": {"interface": "public"}}},
    "PATCH /v3/OS-EP-FILTER/endpoint_groups/<endpoint_group_id>": {"endpoint_group": {"description": "x"}},
    "POST /v3/registered_limits": {"registered_limits": [{**_LIMIT, "resource_name": "{new}", "default_limit": 1}]},
    "PATCH /v3/registered_limits/<registered_limit_id>": {"registered_limit": {"description": "x"}},
    "POST /v3/limits": {"limits": [{**_LIMIT, "domain_id": "{domain_id}", "resource_limit": 1}]},
    "PATCH /v3/limits/<limit_id>": {"limit": {"description": "x"}},
    "PUT /v3/domains/<domain_id>/config": {"config": {"ldap": {"url": "x"}}},
    "PATCH /v3/domains/<domain_id>/config": {"config": {"ldap": {"url": "x"}}},
    "PATCH /v3/domains/<domain_id>/config/<group>": {"config": {"ldap": {"url": "x"}}},
    "PATCH /v3/domains/<domain_id>/config/<group>/<option>": {"config": {"url": "x"}},
    "POST /v3/ec2tokens": {"credentials": {"access": "x", "signature": "x"}},
    "POST /v3/s3tokens": {"credentials": {"access": "x", "signature": "x", "token": "x"}},
}
