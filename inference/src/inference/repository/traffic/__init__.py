"""Which versions of a model answer, and which one only watches: shares, shadow, promotion."""
