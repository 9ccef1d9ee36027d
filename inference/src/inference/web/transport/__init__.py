"""HTTP connections: receiving within limits, the fast path, keep-alive and an orderly end."""
