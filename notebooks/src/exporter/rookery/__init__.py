"""The notebook's client of a running service: its models, predictions, explanations, versions."""
