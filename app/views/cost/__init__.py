"""The page "Cost"."""
