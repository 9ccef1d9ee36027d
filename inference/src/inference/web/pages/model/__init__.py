"""The page of one model: try it, its card, its versions, and how programs use it."""
