"""Building a graph: the builder, and the registry of functions that write one estimator each."""
