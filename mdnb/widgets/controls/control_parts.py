"""The pieces of a row of controls: ipywidgets' own, each labelled, and who carries out what they say."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ipywidgets

from mdnb.errors import MdnbError
from mdnb.widgets.chart.chart import LiveChart

__all__ = ["Helm", "choice", "gap", "push", "row", "rule", "said", "segments", "show", "tell", "toggle"]

_Options = Sequence[tuple[str, str]]


class Helm:
    """Carries out on charts what controls say, unless the controls are only being told of the charts.

    Attributes
    ----------
    charts
        What is steered.
    guard
        Held while controls or charts are changed: the sender's thread tells controls, the kernel's charts.
    refresh
        Makes the controls say what the charts are now; with True whether or not anything changed.
    """

    def __init__(self, charts: Sequence[LiveChart], note: ipywidgets.Label) -> None:
        self.charts = tuple(charts)
        self.guard = threading.RLock()
        self.refresh: Callable[[bool], None] = lambda _all: None
        self._note = note
        self._is_quiet = False

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Change controls without a word to the charts."""
        with self.guard:
            self._is_quiet = True
            try:
                yield
            finally:
                self._is_quiet = False

    def do(self, action: Callable[[LiveChart], Any], note: ipywidgets.Label | None = None) -> bool:
        """Do something to every chart; what is wrong with it is said in a note, by default the row's."""
        beside = self._note if note is None else note
        with self.guard:
            if self._is_quiet:
                return False
            try:
                for chart in self.charts:
                    action(chart)
            except MdnbError as error:
                tell(beside, str(error), wrong=True)
                self.refresh(True)
                return False
            tell(beside, "")
            self.refresh(False)
            return True

    def on(self, control: ipywidgets.Widget, action: Callable[[LiveChart, Any], Any]) -> None:
        """Carry out an action with each value that a user gives a control."""
        control.observe(lambda change: self.do(lambda chart: action(chart, change["new"])), "value")


def choice(label: str, options: _Options, kind: str = "") -> ipywidgets.Dropdown:
    """Return a list to choose one of."""
    made = ipywidgets.Dropdown(options=options, description=label, tooltip=label)
    if kind:
        made.add_class(kind)
    return made


def segments(label: str, options: _Options) -> ipywidgets.ToggleButtons:
    """Return buttons of which one is pressed."""
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
    """Return a button that does something."""
    made = ipywidgets.Button(description=label, tooltip=hint)
    made.on_click(lambda _button: action())
    return made


def said(text: str = "", kind: str = "") -> ipywidgets.Label:
    """Return words beside controls; none are no room."""
    made = ipywidgets.Label(text)
    made.add_class("mdnb-said")
    if kind:
        made.add_class(kind)
    tell(made, text)
    return made


def tell(note: ipywidgets.Label, text: str, *, wrong: bool = False) -> None:
    """Say something in a note; errors are coloured."""
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
    """Return what pushes the rest of a row to its end."""
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
