"""What may be done with each noun of the compute service."""
