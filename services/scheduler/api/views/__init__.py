"""Views of the Placement API, one file per noun."""
