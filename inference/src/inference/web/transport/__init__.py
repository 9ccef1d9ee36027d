"""From bytes to requests: framing, turns, the end of a connection, the end of the service."""
