"""Meta-estimators: pipelines and other estimators that hold estimators."""
