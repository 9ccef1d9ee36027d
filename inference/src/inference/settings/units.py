"""Units that limits are counted in."""

MIB = 1024 * 1024
