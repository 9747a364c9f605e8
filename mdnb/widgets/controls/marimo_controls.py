"""The controls of a chart in marimo, which draws no boxes of ipywidgets but has controls of its own."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import ipywidgets

from mdnb.widgets.controls.control_rows import ExportRow, IndicatorRow, LookRow

__all__ = ["HasControls", "marimo_controls", "marimo_row"]


class HasControls(Protocol):
    """What `ChartControls` has, as far as marimo can show it."""

    symbol: ipywidgets.Dropdown
    timeframe: ipywidgets.ToggleButtons
    kind: ipywidgets.Dropdown
    indicators: IndicatorRow
    look: LookRow
    export: ExportRow
    note: ipywidgets.Label
    parts: tuple[str, ...]


def marimo_row(elements: Sequence[Any]) -> Any:
    """Return elements of marimo side by side."""
    marimo = importlib.import_module("marimo")
    return marimo.hstack(elements, justify="start", align="center", gap=0.75, wrap=True)


def marimo_controls(controls: HasControls) -> list[Any]:
    """Return the same controls as elements of marimo; what is wrong with a choice, marimo says in a corner.

    Each sets the ipywidgets control that it stands for, so that both do the same. Marimo lets nobody move an
    element from Python: they do not follow what is changed elsewhere. Pause and "latest" are buttons of the
    chart itself. What nobody holds, marimo forgets.
    """
    ui = importlib.import_module("marimo").ui
    choices = {
        "symbol": {"Symbol": controls.symbol} if len(controls.symbol.options) > 1 else {},
        "timeframe": {"Timeframe": controls.timeframe},
        "kind": {"Chart type": controls.kind},
        "theme": {"Theme": controls.look.theme, "Colours": controls.look.palette},
    }
    made: list[Any] = []
    for part in controls.parts:
        made += [_choice(ui, label, one, controls.note) for label, one in choices.get(part, {}).items()]
        if part == "overlays":
            made.append(_indicators(ui, controls.indicators))
        elif part == "export":
            made += [_button(ui, kind, controls.export) for kind in controls.export.buttons]
    return made


def _choice(ui: Any, label: str, control: Any, note: ipywidgets.Label) -> Any:
    options = dict(control.options)
    chosen = next((name for name, value in options.items() if value == control.value), None)
    take = functools.partial(_told, note, functools.partial(setattr, control, "value"))
    return ui.dropdown(options, value=chosen, label=label, on_change=take)


def _indicators(ui: Any, row: IndicatorRow) -> Any:
    options = {button.description: text for text, button in row.buttons.items()}

    def take(chosen: Sequence[str]) -> None:
        for text, button in list(row.buttons.items()):
            button.value = text in chosen

    drawn = [name for name, text in options.items() if row.buttons[text].value]
    return ui.multiselect(
        options, value=drawn, label="Indicators", on_change=functools.partial(_told, row.note, take)
    )


def _button(ui: Any, kind: str, row: ExportRow) -> Any:
    label = row.buttons[kind].description
    save = functools.partial(_told, row.note, lambda _value: row.save(kind))
    return ui.button(label=label, tooltip=f"Save what is shown as {label}", on_change=save)


def _told(note: ipywidgets.Label, action: Callable[[Any], None], value: Any) -> None:
    """Do what an element was used for, and say what the controls' own row would have said."""
    action(value)
    if note.value:
        importlib.import_module("marimo").status.toast(note.value)
