"""The canvas of offset arrows."""
