"""The rows that a row of controls opens below itself: indicators, look, export."""

from __future__ import annotations

import datetime as dt
import functools
import re
from pathlib import Path
from typing import Any

import ipywidgets

from mdnb.widgets.chart.chart import LiveChart
from mdnb.widgets.controls.chart_actions import ChartActions
from mdnb.widgets.controls.control_parts import push, row, rule, said, segments, tell, toggle

__all__ = ["ExportRow", "IndicatorRow", "LookRow"]

_USUAL = (
    ("EMA 20", "ema(20)"),
    ("EMA 50", "ema(50)"),
    ("SMA 200", "sma(200)"),
    ("VWAP", "vwap"),
    ("Bollinger", "bollinger(20, 2)"),
    ("RSI", "rsi(14)"),
    ("MACD", "macd(12, 26, 9)"),
    ("ATR", "atr(14)"),
    ("Delta", "delta"),
)
_THEMES = (("Auto", "auto"), ("Dark", "dark"), ("Light", "light"))
_PALETTES = (("Standard", "default"), ("Colour-blind safe", "colorblind"))
_FILES = ("png", "html", "csv", "parquet")
_UNSAFE = re.compile(r"[^\w.-]+")


class IndicatorRow:
    """The usual indicators as buttons that stay pressed, those drawn beside them, and a field for others.

    Attributes
    ----------
    buttons
        By the indicator's text.
    field
        Takes one more, such as ``rsi(7)``.
    note
        What is wrong with it.
    """

    def __init__(self, actions: ChartActions) -> None:
        self._actions = actions
        self.buttons: dict[str, ipywidgets.ToggleButton] = {}
        self.field = ipywidgets.Text(
            description="Add an indicator", placeholder="Add: rsi(7), ema(100) …", continuous_update=False
        )
        self.note = said(kind="mdnb-note")
        self.field.observe(self._on_field, "value")
        for label, text in _USUAL:
            self.buttons[text] = self._button(label, text)
        self.box = row([*self.buttons.values(), rule(), self.field, self.note], drawer=True)

    def _button(self, label: str, text: str) -> ipywidgets.ToggleButton:
        made = toggle(label, f"Draw {text}")
        made.observe(functools.partial(self._on_button, text), "value")
        return made

    def _on_button(self, text: str, change: dict[str, Any]) -> None:
        def put(chart: LiveChart) -> None:
            if change["new"] and text not in chart.overlays:
                chart.add_overlay(text)
            elif not change["new"] and text in chart.overlays:
                chart.remove_overlay(text)

        self._actions.do(put, self.note)

    def _on_field(self, change: dict[str, Any]) -> None:
        text = change["new"].strip()
        if text and self._actions.do(lambda chart: chart.add_overlay(text), self.note):
            with self._actions.quiet():
                self.field.value = ""
        elif not text:
            tell(self.note, "")

    def refresh(self, overlays: tuple[str, ...]) -> None:
        """Press the buttons of what is drawn; what else is drawn gets a button too."""
        usual = [text for _, text in _USUAL]
        others = [text for text in overlays if text not in usual]
        held = list(self.buttons)
        if held != [*usual, *others]:
            for text in held:
                if text not in usual and text not in others:
                    self.buttons.pop(text).close()
            self.buttons = {
                text: self.buttons.get(text) or self._button(text, text) for text in (*usual, *others)
            }
            self.box.children = (*self.buttons.values(), *self.box.children[-3:])
        for text, button in self.buttons.items():
            button.value = text in overlays


class LookRow:
    """Theme and palette."""

    def __init__(self, actions: ChartActions) -> None:
        self.theme = segments("Theme", _THEMES)
        self.palette = segments("Colours", _PALETTES)
        for control in (self.theme, self.palette):
            control.add_class("mdnb-said")
        actions.on(self.theme, lambda chart, theme: chart.set_theme(theme, chart.palette))
        actions.on(self.palette, lambda chart, palette: chart.set_theme(chart.theme, palette))
        self.box = row([self.theme, rule(), self.palette], drawer=True)

    def refresh(self, look: tuple[str, str]) -> None:
        """Show theme and palette."""
        self.theme.value, self.palette.value = look


class ExportRow:
    """Saves what is shown: offered by the page, and written into the folder of the notebook."""

    def __init__(self, actions: ChartActions) -> None:
        self._actions = actions
        self.note = said(kind="mdnb-note")
        self.buttons = {
            kind: push(name, f"Save what is shown as {name}", functools.partial(self.save, kind))
            for kind, name in zip(_FILES, ("PNG", "HTML", "CSV", "Parquet"), strict=True)
        }
        self.box = row([said("Save what is shown"), *self.buttons.values(), rule(), self.note], drawer=True)

    def save(self, kind: str) -> None:
        """Offer a file of each chart in the page, and write it too unless only the page can draw it."""
        written: list[str] = []

        def one(chart: LiveChart) -> None:
            chart.download(kind)
            if kind != "png":
                written.append(str(chart.export(_path(chart, kind)).resolve()))

        if self._actions.do(one, self.note):
            saved = f"Saved as {', '.join(written)}; the page offers it too" if written else ""
            tell(self.note, saved or "The page offers the picture to save")


def _path(chart: LiveChart, kind: str) -> Path:
    """Return a name that holds no more of a feed's text than letters, digits, points and dashes."""
    now = dt.datetime.now().astimezone()
    name = _UNSAFE.sub("_", f"{chart.symbol}-{chart.timeframe}-{now:%Y%m%d-%H%M%S}").lstrip(".")
    return Path(f"{name}.{kind}")
