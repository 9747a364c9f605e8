"""Boxes around charts, in the charts' colours, and the style sheet for them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from mdnb.widgets.page.hold import end
from mdnb.widgets.page.join_modules import STATIC
from mdnb.widgets.page.known_attributes import MadeWhole, check_attribute
from mdnb.widgets.page.theme import Theme, theme_of

__all__ = ["SURFACE", "Surface", "stylesheet"]

SURFACE = "mdnb-surface"
"""Class of a box that has the charts' colours; what lies inside reads them."""

_DARK_PAGES = (
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
    "body.vscode-high-contrast",
)


class Surface(ipywidgets.VBox, metaclass=MadeWhole):  # type: ignore[misc]  # ipywidgets has no type information
    """A box in the colours of the charts it holds; it brings the style sheet.

    Parameters
    ----------
    children
        What it holds, from top to bottom.
    theme, palette
        As for a chart; ``auto`` follows the page without asking the kernel.
    """

    _dom_classes: Any

    def __init__(self, children: list[Any], theme: str, palette: str) -> None:
        style = ipywidgets.HTML(f"<style>{stylesheet()}</style>", layout={"display": "none"})
        super().__init__([style, *children])
        self.add_class(SURFACE)
        self.set_theme(theme, palette)

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            check_attribute(self, name, value)
            super().__setattr__(name, value)

    def __del__(self, end: Callable[..., None] = end) -> None:
        # The box alone: what is in it may be held, or shown elsewhere.
        end(super().close)

    def set_theme(self, theme: str, palette: str) -> None:
        """Change the colours."""
        names = [f"mdnb-theme-{theme}", f"mdnb-palette-{palette}"]
        kept = [name for name in self._dom_classes if not name.startswith(("mdnb-theme-", "mdnb-palette-"))]
        self._dom_classes = (*kept, *names)


@functools.cache
def stylesheet() -> str:
    """Return the style sheet: the colours of each theme and palette, and ``static/page/surface.css``.

    Examples
    --------
    >>> "--mdnb-background:#0f1115" in stylesheet()
    True
    """
    light, dark = theme_of("light"), theme_of("dark")
    pages = ",".join(_DARK_PAGES)
    rules = [
        f".mdnb-theme-light,.mdnb-theme-auto{{{_tokens(light)}}}",
        f".mdnb-theme-dark,:where({pages}) .mdnb-theme-auto{{{_tokens(dark)}}}",
    ]
    safe = theme_of("light", "colorblind")
    rules.append(f".mdnb-palette-colorblind{{--mdnb-up:{safe.up};--mdnb-down:{safe.down}}}")
    return "\n".join([*rules, (STATIC / "page" / "surface.css").read_text(encoding="utf-8")])


def _tokens(theme: Theme) -> str:
    names = ("up", "down", "background", "grid", "text", "muted", "live", "warning", "dead")
    colours = "".join(f"--mdnb-{name}:{getattr(theme, name)};" for name in names)
    return f"{colours}--mdnb-focus:{theme.accent(1)};color-scheme:{theme.name}"
