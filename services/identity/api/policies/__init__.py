"""Who may do what in identity, one file per noun."""

from services.identity.api.policies import (
    application_credential,
    assignment,
    base,
    catalog,
    credential,
    domain,
    domain_config,
    ec2,
    endpoint_filter,
    group,
    limit,
    policy,
    project,
    role,
    token,
    trust,
    user,
)

RULES = tuple(r for module in (
    base, application_credential, assignment, catalog, credential, domain, domain_config, ec2, endpoint_filter, group,
    limit, policy, project, role, token, trust, user,
) for r in module.RULES)
