"""Models that follow from how near rows are to each other."""
