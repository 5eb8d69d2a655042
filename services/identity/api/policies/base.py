"""Rules that the rules of every noun are made of."""

from common.http.policy import rule

ADMIN = "rule:admin_required"
ADMIN_OR_SYSTEM_READER = "rule:admin_required or (role:reader and system_scope:all)"
ANYONE = "@"
ALL = ("system", "domain", "project")
NOT_DOMAIN = ("system", "project")

RULES = (
    rule("admin_required", "role:admin", "Operators of the cloud.", scopes=None),
    rule("service_role", "role:service", "Other services of the cloud.", scopes=None),
    rule("service_or_admin", "rule:admin_required or rule:service_role", "Operators and services.", scopes=None),
    rule("owner", "user_id:%(user_id)s", "Users themselves.", scopes=None),
    rule("admin_or_owner", "rule:admin_required or rule:owner", "Operators, and users themselves.", scopes=None),
    rule("token_subject", "user_id:%(target.token.user_id)s", "The user of a token.", scopes=None),
    rule("admin_or_token_subject", "rule:admin_required or rule:token_subject", "Operators, and a token's user.",
         scopes=None),
    rule("service_admin_or_token_subject", "rule:service_or_admin or rule:token_subject",
         "Operators, services, and a token's user.", scopes=None),
    rule("domain_managed_target_role",
         "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
         "Roles that the manager of a domain may grant.", scopes=None),
)
