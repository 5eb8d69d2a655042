"""Plain values that cross the rooms of identity."""
