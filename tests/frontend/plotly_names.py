"""The names of plotly.js that are not documented and that the chart reads, each with a check."""

from __future__ import annotations

__all__ = ["BY_HAND", "PRIVATE_NAMES"]

_AXIS = "gd._fullLayout.xaxis"
PRIVATE_NAMES = {
    # Fields of the figure and of its axes.
    "_fullLayout": "gd._fullLayout.width > 0 && gd._fullLayout.height > 0",
    "_fullData": "typeof (gd._fullData[candles].increasing.line.color) === 'string'",
    "_offset": f"{_AXIS}._offset > 0",
    "_length": f"{_AXIS}._length > 0",
    "r2l": f"Number.isFinite({_AXIS}.r2l({_AXIS}.range[0]))",
    "d2l": f"{_AXIS}.d2l(7) === 7 && {_AXIS}.d2l.call(undefined, 7) === 7",
    "l2d": f"{_AXIS}.l2d(7) === 7 && {_AXIS}.l2d.call(undefined, 7) === 7",
    "calcdata": "gd.calcdata[candles].length > 0",
    "bdPos": "gd.calcdata[candles][0].t.bdPos > 0 && gd.calcdata[candles][0].t.bdPos < 1",
    # What it notes on the elements it draws.
    "__data__": "Number.isFinite(gd.querySelector('.ytick text').__data__.x)",
    # Classes of what it draws.
    "main-svg": "gd.querySelector('.main-svg')",
    "nsewdrag": "gd.querySelector('.nsewdrag')",
    "yaxislayer-above": "gd.querySelector('.yaxislayer-above')",
    "xaxislayer-above": "gd.querySelector('.xaxislayer-above')",
    "ytick": "gd.querySelector('.yaxislayer-above .ytick text')",
    "xtick": "gd.querySelector('.xaxislayer-above .xtick text')",
    "shapelayer": "gd.querySelector('.shapelayer path')",
    "shape-group": "gd.querySelector('.shapelayer .shape-group path')",
    "data-index": "gd.querySelector('.shapelayer .shape-group[data-index=\"0\"]')",
}
"""By name, the page's expression that is true while plotly.js has it: ``gd`` is a drawn chart of one candle a
bar with a shape, ``candles`` the place of its candles among the traces."""
BY_HAND = {
    "_dragging": "gd._dragging",
    "axistext": "gd.querySelector('.axistext')",
}
"""Those that are there only while a pointer holds the chart, or is over it."""
