"""What a swap changes in a model, and what it costs."""
