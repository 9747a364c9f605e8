"""Every pytest run of this project, of tests, doctests and notebooks alike, tells what it skipped."""

from __future__ import annotations

pytest_plugins = ["tests.report"]
