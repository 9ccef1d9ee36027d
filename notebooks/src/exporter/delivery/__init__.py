"""What becomes of a converted model: the file, whether it is new, and which older ones go."""
