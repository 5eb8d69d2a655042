"""The block storage API: routes, handlers, schemas, policies and views."""
