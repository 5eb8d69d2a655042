"""JSON schemas of bodies and of the documents under /v2/schemas."""
