"""What a request and its response carry, whichever route they belong to."""
