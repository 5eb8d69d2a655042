"""The configuration of single domains."""

from typing import Any

from common import errors
from common.http.request import Request
from services.identity.domain import domain_config, project

_COMPLIANCE = "security_compliance"


def create(request: Request, domain_id: str) -> tuple[dict[str, Any], int]:
    """201, or 200 where the domain had a configuration."""
    def work(session: Any) -> tuple[dict[str, Any], bool]:
        from services.identity.db import domain_config as config_db

        project.found_domain(session, domain_id)
        known = bool(config_db.listing(session, domain_id))
        return domain_config.create(session, domain_id, request.body.get("config")), known

    made, known = request.app.change(work)
    return {"config": made}, 200 if known else 201


def show(request: Request, domain_id: str, group: str | None = None, option: str | None = None) -> dict[str, Any]:
    """200 with all, a group or an option; `security_compliance` may be read by everybody, and says what passwords need."""
    compliance = group == _COMPLIANCE
    request.authorize({}, "identity:get_security_compliance_domain_config" if compliance else None)
    if compliance:
        return {"config": _security(request, domain_id, option)}
    with request.app.db.read() as session:
        return {"config": domain_config.get(session, domain_id, group, option)}


def _security(request: Request, domain_id: str, option: str | None) -> dict[str, Any]:
    """The cloud's rules for passwords, as text; only of the default domain's users, whom they hold for."""
    if domain_id != request.app.conf.identity.default_domain_id:
        raise errors.Forbidden("Invalid domain specific configuration: Reading security compliance information for any domain "
                               "other than the default domain is not allowed or supported..")
    conf = request.app.conf.security_compliance
    known = {"password_regex": conf.password_regex, "password_regex_description": conf.password_regex_description}
    if option is None:
        return {_COMPLIANCE: known}
    if option not in known:
        raise errors.Forbidden("Invalid domain specific configuration: Reading security compliance values other than "
                               "password_regex and password_regex_description is not allowed..")
    return {option: known[option]}


def update(request: Request, domain_id: str, group: str | None = None, option: str | None = None) -> dict[str, Any]:
    """200 with the whole configuration."""
    def work(session: Any) -> dict[str, Any]:
        project.found_domain(session, domain_id)
        return domain_config.update(session, domain_id, request.body.get("config"), group, option)

    return {"config": request.app.change(work)}


def delete(request: Request, domain_id: str, group: str | None = None, option: str | None = None) -> None:
    """204."""
    def work(session: Any) -> None:
        project.found_domain(session, domain_id)
        domain_config.delete(session, domain_id, group, option)

    request.app.change(work)


def defaults(request: Request, group: str | None = None, option: str | None = None) -> dict[str, Any]:
    """200 with the default of all, a group or an option."""
    return {"config": domain_config.defaults(group, option)}
