"""The routes that explain, in the OpenAPI document."""
