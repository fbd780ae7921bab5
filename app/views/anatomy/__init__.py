"""The page "Anatomy"."""
