"""The engine: the one place where pages run trained networks, on one device, one job at a time."""
