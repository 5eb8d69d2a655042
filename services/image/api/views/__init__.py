"""How rows become the documents that clients read."""
