"""``make soak``: hold a mixed load on a real service while faults are injected into it."""
