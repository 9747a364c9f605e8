"""``python -m mdnb``."""

from __future__ import annotations

import sys

from mdnb.cli import main

if __name__ == "__main__":
    sys.exit(main())
