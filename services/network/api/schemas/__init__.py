"""The attributes of each noun: what may be written, with which schema, and what may be filtered by."""
