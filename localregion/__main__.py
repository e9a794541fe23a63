"""`python -m localregion`."""

import sys

from localregion.cli import main

sys.exit(main())
