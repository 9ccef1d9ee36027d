"""The OpenAPI document, made of the models that are served now."""
