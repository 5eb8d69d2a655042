"""What daemons of the image service ask of each other."""
