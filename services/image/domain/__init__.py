"""What may be done with images, members, tasks and metadata definitions, and in which state."""
