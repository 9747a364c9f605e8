"""How long a test waits for what is sure to come."""

from __future__ import annotations

__all__ = ["LIMIT_SECONDS"]

LIMIT_SECONDS = 300.0
"""Only what hangs takes so long: no machine is so busy that a test fails by it."""
