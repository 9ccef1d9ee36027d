"""Access of requests: API keys, scopes, rate limits, memory of bodies; id and log lines."""
