"""``python -m gliofill.cli``, the same as ``gliofill``."""

import sys

from gliofill.cli.main import main

sys.exit(main())
