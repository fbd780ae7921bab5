"""What an operator decided, as frozen results: offsets, scope, overlap, footprints."""
