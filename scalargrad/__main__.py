"""`python -m scalargrad`."""

import sys

from scalargrad.cli import main

sys.exit(main())
