"""The page "Handout"."""
