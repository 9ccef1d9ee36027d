"""What a person sees: the card of a publication, its progress, its timings."""
