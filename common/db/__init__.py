"""Sessions, retries, paging and migrations: what the six `db/` rooms share."""
