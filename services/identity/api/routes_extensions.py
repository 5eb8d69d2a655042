"""URLs of delegation, of stored secrets, and of what upstream calls extensions; api.routes includes them."""

from common.http.route import PUBLIC, Route, Row
from services.identity.api import (
    application_credential,
    credential,
    domain_config,
    ec2,
    endpoint_filter,
    limit,
    policy,
    revocation,
    trust,
)
from services.identity.api.schemas import OBJECT
from services.identity.api.schemas import application_credential as application_credential_schema
from services.identity.api.schemas import credential as credential_schema
from services.identity.api.schemas import endpoint_filter as filter_schema
from services.identity.api.schemas import limit as limit_schema
from services.identity.api.schemas import policy as policy_schema
from services.identity.api.schemas import trust as trust_schema

_TRUST = "/v3/OS-TRUST/trusts"
_TRUSTS: list[Row] = [
    Route("GET", _TRUST, trust.index, "identity:list_trusts", targeted=True),
    Route("POST", _TRUST, trust.create, "identity:create_trust", body=trust_schema.CREATE, targeted=True),
    Route("GET", _TRUST + "/<trust_id>", trust.show, "identity:get_trust", targeted=True),
    Route("DELETE", _TRUST + "/<trust_id>", trust.delete, "identity:delete_trust", targeted=True),
    Route("GET", _TRUST + "/<trust_id>/roles", trust.roles, "identity:list_roles_for_trust", targeted=True),
    Route("GET", _TRUST + "/<trust_id>/roles/<role_id>", trust.show_role, "identity:get_role_for_trust", targeted=True),
]

_USER = "/v3/users/<user_id>"
_APPLICATION_CREDENTIALS: list[Row] = [
    Route("GET", _USER + "/application_credentials", application_credential.index,
          "identity:list_application_credentials", targeted=True),
    Route("POST", _USER + "/application_credentials", application_credential.create,
          "identity:create_application_credential", body=application_credential_schema.CREATE, targeted=True),
    Route("GET", _USER + "/application_credentials/<application_credential_id>", application_credential.show,
          "identity:get_application_credential", targeted=True),
    Route("DELETE", _USER + "/application_credentials/<application_credential_id>", application_credential.delete,
          "identity:delete_application_credential", targeted=True),
    Route("GET", _USER + "/access_rules", application_credential.rules, "identity:list_access_rules", targeted=True),
    Route("GET", _USER + "/access_rules/<access_rule_id>", application_credential.show_rule, "identity:get_access_rule",
          targeted=True),
    Route("DELETE", _USER + "/access_rules/<access_rule_id>", application_credential.delete_rule,
          "identity:delete_access_rule", targeted=True),
]


def _ec2(base: str) -> list[Row]:
    """The routes of EC2 credentials below `base`, a user's URL."""
    return [
        Route("GET", base, ec2.index, "identity:ec2_list_credentials", targeted=True),
        Route("POST", base, ec2.create, "identity:ec2_create_credential", body=OBJECT, targeted=True),
        Route("GET", base + "/<credential_id>", ec2.show, "identity:ec2_get_credential", targeted=True),
        Route("DELETE", base + "/<credential_id>", ec2.delete, "identity:ec2_delete_credential", targeted=True),
    ]


_CREDENTIALS: list[Row] = [
    Route("GET", "/v3/credentials", credential.index, "identity:list_credentials", targeted=True),
    Route("POST", "/v3/credentials", credential.create, "identity:create_credential", body=credential_schema.CREATE,
          targeted=True),
    Route("GET", "/v3/credentials/<credential_id>", credential.show, "identity:get_credential", targeted=True),
    Route("PATCH", "/v3/credentials/<credential_id>", credential.update, "identity:update_credential",
          body=credential_schema.UPDATE, targeted=True),
    Route("DELETE", "/v3/credentials/<credential_id>", credential.delete, "identity:delete_credential", targeted=True),
    *_ec2(_USER + "/credentials/OS-EC2"),
    Route("POST", "/v3/ec2tokens", ec2.ec2_token, "identity:ec2tokens_validate",
          body=OBJECT),
    Route("POST", "/v3/s3tokens", ec2.s3_token, "identity:s3tokens_validate",
          body=OBJECT),
    Route("GET", "/v3/OS-REVOKE/events", revocation.events, "identity:list_revoke_events"),
    Route("GET", "/v3/auth/tokens/OS-PKI/revoked", revocation.list_ids, PUBLIC),
]

_POLICY = "/v3/policies/<policy_id>"


def _associations() -> list[Row]:
    rows: list[Row] = []
    for path, noun in (("/endpoints/<endpoint_id>", "endpoint"), ("/services/<service_id>", "service"),
                       ("/services/<service_id>/regions/<region_id>", "region_and_service")):
        url, end = f"{_POLICY}/OS-ENDPOINT-POLICY{path}", f"policy_association_for_{noun}"
        rows += [
            Route("PUT", url, policy.associate, f"identity:create_{end}", status=204),
            Route("GET", url, policy.associated, f"identity:check_{end}", status=204),
            Route("DELETE", url, policy.dissociate, f"identity:delete_{end}", status=204),
        ]
    return rows


_POLICIES: list[Row] = [
    Route("GET", "/v3/policies", policy.index, "identity:list_policies"),
    Route("POST", "/v3/policies", policy.create, "identity:create_policy", body=policy_schema.CREATE, schema_first=False),
    Route("GET", _POLICY, policy.show, "identity:get_policy"),
    Route("PATCH", _POLICY, policy.update, "identity:update_policy", body=policy_schema.UPDATE, schema_first=False),
    Route("DELETE", _POLICY, policy.delete, "identity:delete_policy"),
    Route("GET", _POLICY + "/OS-ENDPOINT-POLICY/endpoints", policy.endpoints, "identity:list_endpoints_for_policy"),
    Route("GET", "/v3/endpoints/<endpoint_id>/OS-ENDPOINT-POLICY/policy", policy.for_endpoint,
          "identity:get_policy_for_endpoint"),
    *_associations(),
]

_FILTER = "/v3/OS-EP-FILTER"
_GROUP = _FILTER + "/endpoint_groups/<endpoint_group_id>"
_FILTERS: list[Row] = [
    Route("GET", _FILTER + "/endpoint_groups", endpoint_filter.groups, "identity:list_endpoint_groups"),
    Route("POST", _FILTER + "/endpoint_groups", endpoint_filter.create_group, "identity:create_endpoint_group",
          body=filter_schema.CREATE, schema_first=False),
    Route("GET", _GROUP, endpoint_filter.show_group, "identity:get_endpoint_group"),
    Route("PATCH", _GROUP, endpoint_filter.update_group, "identity:update_endpoint_group", body=filter_schema.UPDATE),
    Route("DELETE", _GROUP, endpoint_filter.delete_group, "identity:delete_endpoint_group"),
    Route("GET", _GROUP + "/endpoints", endpoint_filter.group_endpoints,
          "identity:list_endpoints_associated_with_endpoint_group"),
    Route("GET", _GROUP + "/projects", endpoint_filter.group_projects,
          "identity:list_projects_associated_with_endpoint_group"),
    Route("GET", _GROUP + "/projects/<project_id>", endpoint_filter.show_group_in_project,
          "identity:get_endpoint_group_in_project"),
    Route("PUT", _GROUP + "/projects/<project_id>", endpoint_filter.give_group, "identity:add_endpoint_group_to_project"),
    Route("DELETE", _GROUP + "/projects/<project_id>", endpoint_filter.take_group,
          "identity:remove_endpoint_group_from_project"),
    Route("GET", _FILTER + "/endpoints/<endpoint_id>/projects", endpoint_filter.endpoint_projects,
          "identity:list_projects_for_endpoint"),
    Route("GET", _FILTER + "/projects/<project_id>/endpoint_groups", endpoint_filter.project_groups,
          "identity:list_endpoint_groups_for_project"),
    Route("GET", _FILTER + "/projects/<project_id>/endpoints", endpoint_filter.project_endpoints,
          "identity:list_endpoints_for_project"),
    Route("GET", _FILTER + "/projects/<project_id>/endpoints/<endpoint_id>", endpoint_filter.check,
          "identity:check_endpoint_in_project", status=204),
    Route("PUT", _FILTER + "/projects/<project_id>/endpoints/<endpoint_id>", endpoint_filter.give,
          "identity:add_endpoint_to_project", status=204),
    Route("DELETE", _FILTER + "/projects/<project_id>/endpoints/<endpoint_id>", endpoint_filter.take,
          "identity:remove_endpoint_from_project", status=204),
]

_LIMITS: list[Row] = [
    Route("GET", "/v3/registered_limits", limit.registered, "identity:list_registered_limits"),
    Route("POST", "/v3/registered_limits", limit.register, "identity:create_registered_limits",
          body=limit_schema.REGISTER),
    Route("GET", "/v3/registered_limits/<registered_limit_id>", limit.show_registered, "identity:get_registered_limit"),
    Route("PATCH", "/v3/registered_limits/<registered_limit_id>", limit.update_registered,
          "identity:update_registered_limit", body=limit_schema.UPDATE_REGISTERED),
    Route("DELETE", "/v3/registered_limits/<registered_limit_id>", limit.unregister, "identity:delete_registered_limit"),
    Route("GET", "/v3/limits", limit.index, "identity:list_limits"),
    Route("POST", "/v3/limits", limit.create, "identity:create_limits", body=limit_schema.CREATE),
    Route("GET", "/v3/limits/model", limit.model, "identity:get_limit_model"),
    Route("GET", "/v3/limits/<limit_id>", limit.show, "identity:get_limit", targeted=True),
    Route("PATCH", "/v3/limits/<limit_id>", limit.update, "identity:update_limit", body=limit_schema.UPDATE, targeted=True),
    Route("DELETE", "/v3/limits/<limit_id>", limit.delete, "identity:delete_limit", targeted=True),
]


def _config() -> list[Row]:
    rows: list[Row] = [
        Route("GET", f"/v3/domains/config{path}/default", domain_config.defaults, "identity:get_domain_config_default")
        for path in ("", "/<group>", "/<group>/<option>")
    ]
    base = "/v3/domains/<domain_id>/config"
    rows.append(Route("PUT", base, domain_config.create, "identity:create_domain_config", body=OBJECT,
                      schema_first=False))
    for url in (base, base + "/<group>", base + "/<group>/<option>"):
        rows += [
            Route("GET", url, domain_config.show, "identity:get_domain_config", targeted=True),
            Route("PATCH", url, domain_config.update, "identity:update_domain_config", body=OBJECT,
                  schema_first=False),
            Route("DELETE", url, domain_config.delete, "identity:delete_domain_config"),
        ]
    return rows


ROUTES: tuple[Row, ...] = (
    *_TRUSTS, *_APPLICATION_CREDENTIALS, *_CREDENTIALS, *_POLICIES, *_FILTERS, *_LIMITS, *_config(),
)
