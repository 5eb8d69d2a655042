"""What two services need and that knows no service."""
