"""The viewer of pictures side by side."""
