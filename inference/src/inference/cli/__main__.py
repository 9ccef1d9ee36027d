"""``python -m inference.cli``: the commands without the installed script."""

import sys

from inference.cli import main

sys.exit(main())
