"""Which options a heat map takes."""

from __future__ import annotations

from typing import Any

from mdnb.arguments import whole_number
from mdnb.errors import OptionError
from mdnb.widgets.page.theme import theme_of

__all__ = ["MOST_LEVELS", "check_heat_options"]

MOST_LEVELS = 100
"""Levels a side that a column has at the most."""


def check_heat_options(interval: Any, columns: Any, fps: Any, palette: str, height: Any) -> None:
    """Raise for options that a heat map does not have.

    Raises
    ------
    OptionError
        Naming the option, what was given, and what is allowed.

    Examples
    --------
    >>> check_heat_options(0.25, 240, 10, "colorblind", 420)
    """
    for name, value, least, most in (("interval", interval, 0.05, 60), ("fps", fps, 0, 60)):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not least <= value <= most or value == 0:
            above = "above 0" if not least else f"at least {least:g}"
            raise OptionError(f"{name} must be {above} and at most {most}; got {value!r}")
    for name, value, least, most in (("columns", columns, 20, 1000), ("height", height, 160, 2000)):
        if not least <= whole_number(name, value, 1) <= most:
            raise OptionError(f"{name} must be a whole number from {least} to {most}; got {value!r}")
    theme_of("light", palette)
