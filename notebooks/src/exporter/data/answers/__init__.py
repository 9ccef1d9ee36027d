"""What models answer with: the arrays, and the kinds of answer."""
