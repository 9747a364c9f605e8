"""Colours of a chart, in one place: dark, light, and a pair for colour-blind eyes."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Literal

from mdnb.errors import OptionError, suggest
from mdnb.runtime.live.data_quality import TROUBLE_WORDS

__all__ = ["PALETTES", "THEMES", "Theme", "badge_tone", "contrast_text", "theme_of", "with_alpha"]

THEMES = ("auto", "dark", "light")
PALETTES = ("default", "colorblind")
_BADGES: dict[str, Literal["live", "warning"]] = {
    "connected": "live",
    "reconnected": "live",
    "connecting": "warning",
    "reconnecting": "warning",
    "stale": "warning",
    **dict.fromkeys(TROUBLE_WORDS.values(), "warning"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Theme:
    """Colours as ``#rrggbb``.

    Attributes
    ----------
    up, down
        Candles, volume and the last price.
    background, grid, text, muted
        The page, the lines, what is to be read, and what only labels it.
    live, warning, dead
        The connection's badge.
    accents
        Lines over the bars and below them.
    drawn
        Lines and rectangles that the user draws.
    """

    name: str
    up: str
    down: str
    background: str
    grid: str
    text: str
    muted: str
    live: str
    warning: str
    dead: str
    accents: tuple[str, ...]
    drawn: str

    def accent(self, number: int) -> str:
        """Return the colour of a line; after the last one they begin anew."""
        return self.accents[number % len(self.accents)]


_DARK = Theme(
    name="dark",
    up="#26a69a",
    down="#ef5350",
    background="#0f1115",
    grid="#20242c",
    text="#d1d4dc",
    muted="#7d808b",
    live="#26a69a",
    warning="#f5a623",
    dead="#ef5350",
    accents=("#f5a623", "#5b9cf6", "#c77dff", "#e8d44d", "#4dd0e1", "#f48fb1"),
    drawn="#5b9cf6",
)
_LIGHT = Theme(
    name="light",
    up="#089981",
    down="#f23645",
    background="#ffffff",
    grid="#eef0f3",
    text="#131722",
    muted="#6a6d78",
    live="#089981",
    warning="#b26a00",
    dead="#d32f2f",
    accents=("#c2680a", "#2962ff", "#8e24aa", "#8a7400", "#00838f", "#c2185b"),
    drawn="#2962ff",
)
# Okabe and Ito, Color Universal Design (2008): sky blue and orange for the bars; the lines in what is left.
_COLORBLIND: dict[str, dict[str, Any]] = {
    "dark": {
        "up": "#56b4e9",
        "down": "#e69f00",
        "accents": ("#f0e442", "#cc79a7", "#009e73", "#d55e00", "#ffffff", "#0072b2"),
    },
    "light": {
        "up": "#56b4e9",
        "down": "#e69f00",
        "accents": ("#0072b2", "#cc79a7", "#009e73", "#d55e00", "#000000", "#8a7f00"),
    },
}


def theme_of(name: str, palette: str = "default") -> Theme:
    """Return a theme's colours; ``auto`` counts as light until the page says otherwise.

    Raises
    ------
    OptionError
        When there is no such theme or palette.

    Examples
    --------
    >>> theme_of("dark").background
    '#0f1115'
    """
    if name not in THEMES:
        raise OptionError(f"there is no theme {name!r}. {suggest(str(name), THEMES)}")
    if palette not in PALETTES:
        raise OptionError(f"there is no palette {palette!r}. {suggest(str(palette), PALETTES)}")
    chosen = _DARK if name == "dark" else _LIGHT
    return chosen if palette == "default" else dataclasses.replace(chosen, **_COLORBLIND[chosen.name])


@functools.lru_cache(maxsize=256)
def with_alpha(colour: str, alpha: float) -> str:
    """Return a colour as ``rgba(...)``.

    Examples
    --------
    >>> with_alpha("#ff0000", 0.5)
    'rgba(255,0,0,0.5)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


@functools.lru_cache(maxsize=256)
def contrast_text(colour: str) -> str:
    """Return black or white, whichever reads better on a colour.

    The relative luminance and contrast ratio of WCAG 2.1, section 1.4.3.

    Examples
    --------
    >>> contrast_text("#56b4e9"), contrast_text("#d32f2f")
    ('#000000', '#ffffff')
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"


def badge_tone(status: str) -> Literal["live", "warning", "dead"]:
    """Return the colour class of a connection's status: ``live``, ``warning`` or ``dead``.

    Examples
    --------
    >>> badge_tone("reconnected"), badge_tone("stale"), badge_tone("closed")
    ('live', 'warning', 'dead')
    >>> badge_tone("bars not saved")
    'warning'
    """
    return _BADGES.get(status, "dead")
