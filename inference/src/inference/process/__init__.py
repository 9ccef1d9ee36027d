"""The processes of the service: a supervisor, and the workers that it starts and replaces."""
