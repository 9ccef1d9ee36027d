"""One request's work: JSON to arrays, dispatch, arrays to answer. Knows no HTTP."""
