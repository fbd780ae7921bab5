"""Controls: each draws itself and returns a value."""
