"""The Images API v2: routes, handlers, schemas, policies and views."""
