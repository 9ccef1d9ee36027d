"""How much one replica carries, and what many replicas cost: `make growth`."""
