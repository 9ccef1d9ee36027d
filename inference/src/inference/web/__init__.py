"""HTTP only: routes, documents, errors to responses."""
