"""`LiveStrip`: a live row of values above one or more charts."""

from __future__ import annotations

from mdnb.sync_manager import SyncDataManager
from mdnb.widgets.dashboard.strip_state import StripState
from mdnb.widgets.page.join_modules import STATIC, join_modules
from mdnb.widgets.tables.base import LiveTable

__all__ = ["LiveStrip"]


class LiveStrip(LiveTable[StripState]):
    """A row of values that updates by itself, as live tables do.

    Parameters
    ----------
    data
        Whose data is shown.
    fps
        Changes of the page a second at the most, above 0, up to 60.
    palette
        ``colorblind`` or ``default``.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.
    """

    _esm = join_modules("dashboard/live_strip.js")
    # Not the path: anywidget would watch the file, and hold each widget for that.
    _css = (STATIC / "dashboard" / "live_strip.css").read_text(encoding="utf-8")

    def __init__(self, data: SyncDataManager, *, fps: float = 4.0, palette: str = "colorblind") -> None:
        self._data = data
        super().__init__([data.engine], fps=fps, palette=palette)

    @property
    def symbol(self) -> str:
        """Whose data is shown."""
        return self._symbols[0]

    def show(self, data: SyncDataManager) -> None:
        """Show another symbol's data."""
        with self._life.guard:
            if self._life.ended or data.engine is self._engines[0]:
                return
            self._data, self._engines, self._symbols = data, (data.engine,), (data.engine.symbol,)
            self._seen = None
            self._begin()
            self._life.follow(self._engines)
            self._send_now()

    def _begin(self) -> None:
        """Forget what was noted of the symbol before."""

    def _let_data_go(self) -> None:
        super()._let_data_go()
        del self._data
