"""The routes of other servers' protocols in the OpenAPI document."""
