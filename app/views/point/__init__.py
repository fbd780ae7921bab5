"""The page "One point"."""
