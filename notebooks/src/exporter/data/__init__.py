"""The rows and models that a caller gives."""
