"""What processes and threads stand on: memory that workers share, heartbeats, watched files."""
