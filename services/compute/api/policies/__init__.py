"""Who may do what in compute's API, one file for each group of nouns; names as upstream's."""

from services.compute.api.policies import hosts, projects, servers

RULES = (*servers.RULES, *projects.RULES, *hosts.RULES)
