"""``python -m inference.cli``: the commands without the script that installs them."""

import sys

from inference.cli import main

sys.exit(main())
