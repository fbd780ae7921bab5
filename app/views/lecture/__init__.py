"""The page "Lecture notes"."""
