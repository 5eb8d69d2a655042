"""What daemons of the compute service ask of each other."""
