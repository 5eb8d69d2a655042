"""What clients of the compute service talk to."""
