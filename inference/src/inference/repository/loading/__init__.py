"""From an artifact on disk to a loaded servable: which is next, and what became of it."""
