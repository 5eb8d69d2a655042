"""Who may do what: users, projects, roles, tokens and the catalog (stands in for Keystone)."""
