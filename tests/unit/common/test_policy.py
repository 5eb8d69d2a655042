"""Personas and what they may do."""

import pytest

from common import errors
from common.context import RequestContext
from common.http import policy
from common.http.policy import rule
from common.testing.api import IMPLIED, make_conf
from tests.unit.common.support import SERVICE

RULES = [rule("thing:get", policy.ADMIN_OR_READER, "look"), rule("thing:create", policy.ADMIN_OR_MEMBER, "make"),
         rule("thing:manage", policy.ADMIN_OR_MANAGER, "manage"), rule("thing:admin", policy.ADMIN, "operate"),
         rule("thing:service", policy.SERVICE, "serve"), rule("thing:system", policy.ADMIN, "system", scopes=("system",))]


@pytest.fixture
def rules(tmp_path):
    return policy.Policy(make_conf(SERVICE, "demo-api", tmp_path), RULES)


def caller(role, project="p1", **kwargs):
    return RequestContext(user_id="u", project_id=project, roles=IMPLIED[role], overwrite=False, **kwargs)


@pytest.mark.parametrize(("role", "passes"), [
    ("reader", {"get"}), ("member", {"get", "create"}), ("manager", {"get", "create", "manage"}),
    ("admin", {"get", "create", "manage", "admin"}), ("service", {"service"}), ("none", set())])
def test_each_persona_in_its_own_project(rules, role, passes):
    names = {"get", "create", "manage", "admin", "service"}
    assert {n for n in names if rules.check(caller(role), f"thing:{n}")} == passes


@pytest.mark.parametrize(("role", "passes"), [("reader", False), ("member", False), ("manager", False), ("admin", True)])
def test_other_projects_are_the_operators_only(rules, role, passes):
    assert rules.check(caller(role), "thing:get", {"project_id": "p2"}) is passes


def test_scope_counts(rules):
    assert not rules.check(caller("admin"), "thing:system")
    assert rules.check(caller("admin", None, system_scope="all"), "thing:system")
    assert not rules.check(caller("admin", None, system_scope="all"), "thing:get")


def test_refusals_are_in_upstreams_words(rules):
    with pytest.raises(errors.Forbidden, match="Policy doesn't allow thing:admin to be performed"):
        rules.authorize(caller("member"), "thing:admin")
    assert not rules.check(caller("admin"), "no:such:rule") and not rules.knows("no:such:rule")


def test_an_operator_overrides_rules_in_a_file(tmp_path):
    (tmp_path / "policy.yaml").write_text('"thing:get": "role:auditor"\n')
    conf = make_conf(SERVICE, "demo-api", tmp_path, oslo_policy__policy_file=str(tmp_path / "policy.yaml"))
    made = policy.Policy(conf, RULES)
    assert not made.check(caller("member"), "thing:get")
    assert made.check(RequestContext(project_id="p", roles=["auditor"], overwrite=False), "thing:get")


def test_an_answer_is_remembered_by_what_its_rule_asks(tmp_path):
    owner = rule("thing:own", "rule:admin_or_reader and not user_id:%(owner)s", "look at others'")
    nested = rule("thing:nested", "project_id:%(target.thing.project_id)s", "look inside")
    made = policy.Policy(make_conf(SERVICE, "demo-api", tmp_path), [*RULES, owner, nested])
    asked = []
    enforce = made.enforcer.enforce
    made.enforcer.enforce = lambda name, *rest: asked.append(name) or enforce(name, *rest)
    for number in range(3):
        assert made.check(caller("reader"), "thing:own", {"project_id": "p1", "owner": "v", "name": f"n{number}", "more": []})
    assert asked == ["thing:own"]
    assert not made.check(caller("reader"), "thing:own", {"project_id": "p1", "owner": "u"})
    assert not made.check(caller("reader"), "thing:own", {"project_id": "p2", "owner": "v"})
    for project, passes in (("p1", True), ("p2", False)):
        assert made.check(caller("reader"), "thing:nested", {"target.thing.project_id": project, "name": "n"}) is passes
