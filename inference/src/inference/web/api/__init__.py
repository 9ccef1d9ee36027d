"""The routes that FastAPI serves."""
