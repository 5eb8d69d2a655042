"""JSON schemas of bodies and queries, one file per noun."""
