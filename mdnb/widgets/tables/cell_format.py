"""Formats prices, sizes, times and signs in tables; the page gets finished text."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

__all__ = [
    "DASH",
    "age_text",
    "arrow",
    "blocks",
    "clock_text",
    "number",
    "scaled",
    "signed",
]

DASH = "–"
"""What stands where there is no value."""

_NS = 1_000_000_000
_BLOCKS = "▁▂▃▄▅▆▇█"


def number(value: float, decimals: int) -> str:
    """Return a number with the given decimals and thousands separators; a dash for ``nan``.

    Examples
    --------
    >>> number(21589.5, 2), number(float("nan"), 2)
    ('21,589.50', '–')
    """
    return f"{value:,.{decimals}f}" if math.isfinite(value) else DASH


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign; zero without one.

    Examples
    --------
    >>> signed(1.5, 2), signed(-1234.5, 2), signed(-0.001, 2)
    ('+1.50', '-1,234.50', '0.00')
    """
    text = number(value, decimals)
    if not any(digit in text for digit in "123456789"):
        return text.lstrip("-")
    return text if value < 0 else f"+{text}"


def arrow(value: float) -> str:
    """Return an arrow up or down by a number's sign; nothing for zero and ``nan``.

    Examples
    --------
    >>> arrow(0.25), arrow(-1), arrow(0)
    ('▲', '▼', '')
    """
    return "▲" if value > 0 else "▼" if value < 0 else ""


def clock_text(ts_ns: int, zone: dt.tzinfo, digits: int = 0) -> str:
    """Return the time of day with the given decimals of its seconds, truncated.

    Parameters
    ----------
    ts_ns
        UTC epoch nanoseconds.
    zone
        Where the clock hangs.
    digits
        0..9.

    Examples
    --------
    >>> clock_text(1_772_460_000_123_999_999, dt.UTC, 3)
    '14:00:00.123'
    """
    seconds, rest = divmod(ts_ns, _NS)
    text = dt.datetime.fromtimestamp(seconds, zone).strftime("%H:%M:%S")
    return f"{text}.{rest:09d}"[: 9 + digits] if digits else text


def age_text(seconds: float) -> str:
    """Return an age as text, in one unit.

    Examples
    --------
    >>> age_text(0.3), age_text(5.9), age_text(90), age_text(7300), age_text(float("inf"))
    ('now', '5 s', '1 min', '2 h', '–')
    """
    if not math.isfinite(seconds):
        return DASH
    if seconds < 1:
        return "now"
    for unit, length in (("s", 60.0), ("min", 3600.0), ("h", 86_400.0)):
        if seconds < length:
            return f"{int(seconds / length * (24 if unit == 'h' else 60))} {unit}"
    return f"{int(seconds / 86_400)} d"


def scaled(values: Sequence[float], top: int = 100) -> list[int]:
    """Return values as whole numbers from 0, the lowest, to ``top``, the highest; level ones in the middle.

    Examples
    --------
    >>> scaled([10.0, 11.0, 12.0]), scaled([5.0, 5.0])
    ([0, 50, 100], [50, 50])
    """
    held = [value for value in values if math.isfinite(value)]
    if not held:
        return []
    low, high = min(held), max(held)
    if high == low:
        return [top // 2] * len(held)
    return [round(top * (value - low) / (high - low)) for value in held]


def blocks(values: Sequence[float], most: int = 20) -> str:
    """Return the newest values as a line of block characters, for where nothing can be drawn.

    Examples
    --------
    >>> blocks([1.0, 2.0, 3.0])
    '▁▅█'
    """
    return "".join(_BLOCKS[at] for at in scaled(values[-most:], len(_BLOCKS) - 1))
