"""Parameters and multiply-accumulates of upsamplers in the networks of the paper."""
