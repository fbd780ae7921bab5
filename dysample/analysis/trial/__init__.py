"""What a swap of upsamplers changes in a model, what it costs, and whether it can be deployed."""
