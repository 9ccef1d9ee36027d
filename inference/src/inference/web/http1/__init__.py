"""HTTP/1.1 as bytes: where messages end, how large a head may be, and known heads."""
