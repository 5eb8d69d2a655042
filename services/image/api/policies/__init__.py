"""Who may do what, by noun, under upstream's names."""
