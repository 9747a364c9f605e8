"""Reading files that others wrote: what they are is recognised, said, and never guessed."""

from __future__ import annotations

__all__: list[str] = []
