"""Who may do what: the default rules of each noun, with upstream's names."""
