"""Units of limits."""

MIB = 1024 * 1024
