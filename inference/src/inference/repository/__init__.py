"""Which models are live: scan, watch, admission, registry, selection."""
