"""The exit statuses of the commands."""

OK, REFUSED, USAGE = 0, 1, 2
