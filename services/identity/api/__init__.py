"""The HTTP interface of identity."""
