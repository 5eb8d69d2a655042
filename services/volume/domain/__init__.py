"""What may be done with each noun."""
