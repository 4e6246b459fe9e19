"""``python -m netmon`` is the command ``netmon``."""

import sys

from netmon.cli import main

sys.exit(main())
