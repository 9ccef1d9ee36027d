"""API keys, scopes and rate limits. Active only if a file of keys is set."""
