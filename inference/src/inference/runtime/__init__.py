"""What processes and threads stand on: memory, heartbeats, watched files."""
