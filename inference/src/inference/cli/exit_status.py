"""What a command's exit status says."""

OK, REFUSED, USAGE = 0, 1, 2
