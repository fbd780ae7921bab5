"""Time, memory and operations of upsamplers."""
