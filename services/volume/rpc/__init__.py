"""What daemons of the volume service ask of each other."""
