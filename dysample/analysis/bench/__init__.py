"""Time and memory of upsamplers, measured beside bilinear interpolation in the same run."""
