"""The page "Check yourself"."""
