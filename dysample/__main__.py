"""Entry of `python -m dysample`."""

import sys

from dysample.cli import main

sys.exit(main())
