"""Work that outlives its request: imports, copies, location checks, clean-up."""
