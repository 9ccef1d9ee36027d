"""Who may do what, and how often: keys, scopes, rates. None of it runs without a keys file."""
