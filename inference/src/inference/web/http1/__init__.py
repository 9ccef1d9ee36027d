"""HTTP/1.1 as bytes: where messages end, limits on sizes, and plain heads."""
