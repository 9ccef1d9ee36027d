"""The fast routes, predict and infer, which are answered before FastAPI."""
