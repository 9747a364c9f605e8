"""What the page tells the kernel: its theme."""

from __future__ import annotations

import functools
import pathlib

import anywidget
import traitlets

__all__ = ["PageProbe", "page_probe"]


class PageProbe(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget has no type information
    """A widget without a view that keeps `theme` equal to the page's: ``dark``, ``light``, or ``""`` at first."""

    _esm = pathlib.Path(__file__).parent / "static" / "page_probe.js"
    theme = traitlets.Unicode("").tag(sync=True)


@functools.cache
def page_probe() -> PageProbe:
    """Return the kernel's one probe."""
    return PageProbe()
