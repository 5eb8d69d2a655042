"""What identity's answers look like, one file per noun."""
