"""The JSON Home document: every resource of the API by its relation, built from the route table.

Clients ask for it with `Accept: application/json-home` and learn URLs from relations. A relation follows from its URL
(`/domains/{domain_id}/users/{user_id}/roles` is `domain_user_roles`); `_NAMES` holds those that upstream calls otherwise.
Source: https://docs.openstack.org/api-ref/identity/v3/ and the document that upstream serves.
"""

import re
from collections.abc import Iterable
from typing import Any

from common.http.route import Row

CONTENT_TYPE = "application/json-home"
_BASE = "https://docs.openstack.org/api/openstack-identity/3"
_VARIABLE = re.compile(r"<(\w+)>")
_EXTENSION = re.compile(r"OS-[A-Z0-9-]+")
_RENAMED = {"role_id": "prior_role_id"}
"""Variables of implications; everywhere else they are called as in the routes."""
_NAMES = {
    "/users/{}/credentials/OS-EC2": "user_credentials", "/users/{}/credentials/OS-EC2/{}": "user_credential",
    "/endpoints/{}/OS-ENDPOINT-POLICY/policy": "endpoint_policy",
    "/policies/{}/OS-ENDPOINT-POLICY/endpoints": "policy_endpoints",
    "/policies/{}/OS-ENDPOINT-POLICY/endpoints/{}": "endpoint_policy_association",
    "/policies/{}/OS-ENDPOINT-POLICY/services/{}": "service_policy_association",
    "/policies/{}/OS-ENDPOINT-POLICY/services/{}/regions/{}": "region_and_service_policy_association",
    "/OS-EP-FILTER/endpoint_groups/{}/projects/{}": "endpoint_group_to_project_association",
    "/OS-EP-FILTER/endpoint_groups/{}/endpoints": "endpoints_in_endpoint_group",
    "/OS-EP-FILTER/endpoint_groups/{}/projects": "projects_associated_with_endpoint_group",
    "/auth/tokens/OS-PKI/revoked": "revocations", "/limits/model": "limit_model",
    "/domains/config/default": "domain_config_default", "/domains/config/{}/default": "domain_config_default_group",
    "/domains/config/{}/{}/default": "domain_config_default_option", "/domains/{}/config": "domain_config",
    "/domains/{}/config/{}": "domain_config_group", "/domains/{}/config/{}/{}": "domain_config_option",
    "/roles/{}/implies": "implied_roles", "/roles/{}/implies/{}": "implied_role",
    "/users/{}/password": "user_change_password", "/users/{}/access_rules": "access_rules",
    "/users/{}/access_rules/{}": "access_rule", "/users/{}/application_credentials": "application_credentials",
    "/users/{}/application_credentials/{}": "application_credential",
}
_EXTENSIONS = {"/ec2tokens": "OS-EC2", "/s3tokens": "s3tokens"}
_PARAMETERS = {"group": "config_group", "option": "config_option", "value": "tag_value", "prior_role_id": "role_id",
               "implied_role_id": "role_id"}
_EXTENSION_PARAMETERS = {"trust_id": "OS-TRUST", "endpoint_group_id": "OS-EP-FILTER"}
_EXPERIMENTAL = ("/limits", "/registered_limits")
_UNLISTED = ("/projects/{}/tags",)
"""URLs that upstream's document leaves out."""


def document(rows: Iterable[Row], prefix: str) -> dict[str, Any]:
    """`{"resources": {relation: where}}` of the routes below /v3; URLs begin with `prefix`."""
    found: dict[str, Any] = {}
    for row in rows:
        path = row.path.removeprefix("/v3")
        if path and row.path != path:
            shape = _VARIABLE.sub("{}", path)
            if shape not in _UNLISTED:
                found.setdefault(_relation(path, shape), _where(path, prefix))
    return {"resources": dict(sorted(found.items()))}


def _relation(path: str, shape: str) -> str:
    extension = _EXTENSIONS.get(shape)
    named = _EXTENSION.search(path)
    if named is not None:
        extension = named.group()
    place = f"ext/{extension}/1.0/rel" if extension else "rel"
    return f"{_BASE}/{place}/{_NAMES.get(shape) or _name(shape)}"


def _name(shape: str) -> str:
    parts = [p for p in shape.split("/") if p and not p.startswith("OS-")]
    words = []
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        if part != "{}":
            words.append(_singular(part) if following == "{}" and part != "tags" else part)
    return "_".join(words)


def _singular(word: str) -> str:
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _where(path: str, prefix: str) -> dict[str, Any]:
    names = [_RENAMED.get(n, n) if "/implies" in path else "value" if n == "tag" else n for n in _VARIABLE.findall(path)]
    where: dict[str, Any] = {"href": prefix + path}
    if names:
        rest = iter(names)
        template = _VARIABLE.sub(lambda _: "{" + next(rest) + "}", path)
        where = {"href-template": prefix + template, "href-vars": {n: _parameter(n) for n in names}}
    if path.startswith(_EXPERIMENTAL):
        where["hints"] = {"status": "experimental"}
    return where


def _parameter(name: str) -> str:
    extension = _EXTENSION_PARAMETERS.get(name)
    place = f"ext/{extension}/1.0/param" if extension else "param"
    return f"{_BASE}/{place}/{_PARAMETERS.get(name, name)}"
