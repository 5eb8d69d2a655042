"""What may be done with providers, inventories, allocations; which hosts and back ends fit a request."""
