"""The page's theme, reported to the kernel."""

from __future__ import annotations

import functools

import anywidget
import traitlets

from mdnb.widgets.page.join_modules import join_modules

__all__ = ["PageProbe", "page_has_spoken", "page_probe"]


class PageProbe(anywidget.AnyWidget):
    """A widget without a view whose `theme` is the page's: ``dark``, ``light``, or ``""`` at first."""

    _esm = join_modules("page/page_probe.js")
    theme = traitlets.Unicode("").tag(sync=True)


@functools.cache
def page_probe() -> PageProbe:
    """Return the kernel's one probe."""
    return PageProbe()


def page_has_spoken() -> bool:
    """Return whether a page has reported its theme; makes no probe."""
    return page_probe.cache_info().currsize > 0 and bool(page_probe().theme)
