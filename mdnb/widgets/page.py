"""What page and kernel tell each other beside the figures: the theme, and the moving parts of charts."""

from __future__ import annotations

import functools
import pathlib

import anywidget
import traitlets

__all__ = ["LiveLayer", "PageProbe", "live_layer", "page_probe"]

_STATIC = pathlib.Path(__file__).parent / "static"


class PageProbe(anywidget.AnyWidget):
    """A widget without a view whose `theme` is the page's: ``dark``, ``light``, or ``""`` at first."""

    _esm = _STATIC / "page_probe.js"
    theme = traitlets.Unicode("").tag(sync=True)


class LiveLayer(anywidget.AnyWidget):
    """A widget without a view that draws the moving parts of all charts on a page."""

    _esm = _STATIC / "live_layer.js"


@functools.cache
def page_probe() -> PageProbe:
    """Return the kernel's one probe."""
    return PageProbe()


@functools.cache
def live_layer() -> LiveLayer:
    """Return the kernel's one layer."""
    return LiveLayer()
