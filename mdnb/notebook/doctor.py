"""``mdnb doctor``: what is installed, and whether a feed, bars and a chart work on this machine."""

from __future__ import annotations

import importlib.metadata
import platform

from mdnb.errors import MdnbError

__all__ = ["examine"]

_PACKAGES = (
    "mdnb",
    "pandas",
    "numpy",
    "plotly",
    "ipywidgets",
    "anywidget",
    "websockets",
    "httpx",
    "pyarrow",
    "msgspec",
    "pandas_market_calendars",
)
_OPTIONAL = ("jupyterlab", "notebook", "ipykernel", "nest_asyncio2", "nest_asyncio")


def examine() -> tuple[list[str], list[str]]:
    """Return the problems found, and the report as lines to print.

    Examples
    --------
    >>> problems, lines = examine()
    >>> problems
    []
    """
    problems: list[str] = []
    lines = [f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"]
    for name in (*_PACKAGES, *_OPTIONAL):
        try:
            lines.append(f"  {name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            if name in _OPTIONAL:
                lines.append(f"  {name} is not installed (not needed)")
            elif name != "mdnb":
                problems.append(f"  {name} is missing: pip install {name}")
    if not problems:
        problems += _try_market(lines)
    return problems, lines + problems


def _try_market(lines: list[str]) -> list[str]:
    from mdnb.market import live

    try:
        with live(
            "MNQ", ["1min", "5min"], feed="sim://", initial_days=0.2, name="mdnb-doctor", progress=False
        ) as market:
            price = market.price
            frame = market["1min"].frame
            chart = market.chart("1min", bars=50)
            picture = len(chart.picture())
            chart.close()
    except (MdnbError, ImportError) as error:
        return [f"  the embedded feed does not work: {error}"]
    lines.append(
        f"  embedded feed: MNQ {price:,.2f}, {len(frame)} one-minute bars, a chart of {picture:,} bytes"
    )
    return []
