"""The page "Scope and overlap"."""
