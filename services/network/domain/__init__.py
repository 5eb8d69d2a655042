"""What may be done with each noun of the network service: one file per noun, pure decisions apart (ipam)."""
