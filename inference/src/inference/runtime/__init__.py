"""The foundations of processes and threads: memory, heartbeats, watched files, locks."""
