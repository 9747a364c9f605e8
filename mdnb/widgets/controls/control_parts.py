"""The pieces of a row of controls: ipywidgets' own, each labelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

__all__ = ["choice", "gap", "push", "row", "rule", "said", "segments", "show", "tell", "toggle"]

_Options = Sequence[tuple[str, str]]


def choice(label: str, options: _Options, kind: str = "") -> ipywidgets.Dropdown:
    """Return a dropdown list."""
    made = ipywidgets.Dropdown(options=options, description=label, tooltip=label)
    if kind:
        made.add_class(kind)
    return made


def segments(label: str, options: _Options) -> ipywidgets.ToggleButtons:
    """Return a group of buttons of which one is pressed."""
    return ipywidgets.ToggleButtons(
        options=options, description=label, tooltips=[f"{label}: {name}" for name, _ in options]
    )


def toggle(label: str, hint: str, *, opens: bool = False) -> ipywidgets.ToggleButton:
    """Return a button that stays pressed; one that opens a row has an arrow."""
    made = ipywidgets.ToggleButton(description=label, tooltip=hint)
    if opens:
        made.add_class("mdnb-opens")
    return made


def push(label: str, hint: str, action: Callable[[], Any]) -> ipywidgets.Button:
    """Return a push button."""
    made = ipywidgets.Button(description=label, tooltip=hint)
    made.on_click(lambda _button: action())
    return made


def said(text: str = "", kind: str = "") -> ipywidgets.Label:
    """Return a text beside controls; an empty one takes no space."""
    made = ipywidgets.Label(text)
    made.add_class("mdnb-said")
    if kind:
        made.add_class(kind)
    tell(made, text)
    return made


def tell(note: ipywidgets.Label, text: str, *, wrong: bool = False) -> None:
    """Show a text in a note; errors are coloured."""
    # Two dollars would be set as a formula.
    note.value = text.replace("$", "＄")
    (note.add_class if wrong else note.remove_class)("mdnb-wrong")
    show(note, is_shown=bool(text))


def show(widget: ipywidgets.DOMWidget, *, is_shown: bool) -> None:
    """Show or hide a widget."""
    widget.layout.display = None if is_shown else "none"


def rule() -> ipywidgets.Box:
    """Return a thin line between groups of controls."""
    made = ipywidgets.Box()
    made.add_class("mdnb-rule")
    return made


def gap() -> ipywidgets.Box:
    """Return a spacer that pushes the rest of a row to its end."""
    made = ipywidgets.Box()
    made.add_class("mdnb-gap")
    return made


def row(children: Sequence[ipywidgets.Widget], *, drawer: bool = False) -> ipywidgets.HBox:
    """Return controls side by side, on more lines where the page is narrow."""
    made = ipywidgets.HBox(children)
    made.add_class("mdnb-bar")
    if drawer:
        made.add_class("mdnb-drawer")
    return made
