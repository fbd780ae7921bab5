"""Pure functions from data to pictures; nothing here draws itself or knows a page."""
