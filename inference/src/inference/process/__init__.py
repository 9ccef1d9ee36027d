"""The processes of the service: the supervisor, and the workers it keeps alive."""
