"""The page "Offsets"."""
