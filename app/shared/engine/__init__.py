"""The engine: the one place where pages run trained networks, one job at a time on a device."""
