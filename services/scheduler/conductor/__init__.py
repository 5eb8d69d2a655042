"""What the scheduler daemon answers over messages."""
