"""How rows become JSON, one file per noun."""
