"""`HeatMap`: the order book over time, drawn in the page from one small message per column."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from mdnb.errors import ClosedError
from mdnb.instruments import Instrument
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.widgets.figure.decimals import PriceDecimals
from mdnb.widgets.heatmap.options import MOST_LEVELS, check_heat_options
from mdnb.widgets.heatmap.picture import heat_svg
from mdnb.widgets.heatmap.ring import BookColumn, HeatRing, column_of
from mdnb.widgets.heatmap.scale import ramp
from mdnb.widgets.page.display_policy import kept
from mdnb.widgets.page.hold import end, hold, let_go
from mdnb.widgets.page.join_modules import STATIC, join_modules
from mdnb.widgets.page.known_attributes import MadeWhole, check_attribute
from mdnb.widgets.page.life import Life
from mdnb.widgets.page.theme import badge_tone, theme_of
from mdnb.widgets.static_output.static_output import picture_bundle
from mdnb.widgets.tables.base import row_limit

__all__ = ["HeatMap"]

_HELD_SECONDS = 2.0
"""So long a column may stand for the ones after it, where nobody could look at the book."""
_MOST_TICKS = 2**30


class HeatMap(anywidget.AnyWidget, metaclass=MadeWhole):
    """Resting size at each price, as colour; time runs to the right, one column per interval of wall time.

    Drawn over it: the last price, best bid and best ask. It is sent from a thread of its own, so it moves
    while a cell runs, and only while somebody looks. The newest columns are held here too: a page that is
    opened or reloaded has them at once.

    Parameters
    ----------
    engine
        Where the book is kept, such as ``suite.data.engine``. The book has to be subscribed.
    levels
        How many levels a side the imbalance in the head is made of, 1..100. Drawn are all that the book has,
        up to 100 a side.
    interval
        Seconds a column, 0.05..60.
    columns
        How many are held and shown, 20..1000.
    fps
        Messages a second at the most, above 0, up to 60.
    palette
        ``colorblind`` or ``default``.
    height
        Pixels, 160..2000.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.
    """

    _esm = join_modules("heatmap/heat_map.js")
    # Not the path: anywidget would watch the file, and hold each widget for that.
    _css = (STATIC / "heatmap" / "heat_map.css").read_text(encoding="utf-8")
    _settings = traitlets.Dict().tag(sync=True)
    _held = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        engine: SymbolState,
        levels: int = 10,
        *,
        interval: float = 0.25,
        columns: int = 240,
        fps: float = 10.0,
        palette: str = "colorblind",
        height: int = 388,
    ) -> None:
        check_heat_options(interval, columns, fps, palette, height)
        self._levels = row_limit("levels", levels, MOST_LEVELS)
        self._engine: SymbolState | None = engine
        self._symbol = engine.symbol
        self._last: dict[str, Any] = {}
        self._interval, self._palette, self._height = float(interval), palette, int(height)
        # Looked at more often than columns begin, so that none is left out.
        self.fps = max(float(fps), 2.0 / self._interval)
        self.pulse = self._interval / 2
        self._send_pause = 1.0 / float(fps)
        self._sent_at = -math.inf
        self._sent = -1
        self._clock: Callable[[], float] = time.time
        self._step = engine.instrument.tick_size or 0.0
        self._prices = PriceDecimals()
        self._ring = HeatRing(int(columns), max(1, round(_HELD_SECONDS / self._interval)))
        self._life = Life()
        self._lookers: set[str] = set()
        super().__init__(_settings=self._describe())
        self.layout.flex = "1 1 480px"
        self.layout.min_width = "280px"
        self.on_msg(self._on_message)
        self._life.begin(self, [engine])
        let_go(self)

    # -- what it holds --------------------------------------------------------------------------------

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            check_attribute(self, name, value)
            super().__setattr__(name, value)

    @property
    def symbol(self) -> str:
        """The symbol shown."""
        return self._symbol

    def columns(self, count: int | None = None) -> list[BookColumn]:
        """Return the newest columns held, oldest first."""
        with self._life.guard:
            return self._ring.columns(count)

    def _describe(self) -> dict[str, Any]:
        """Return what a page has to know beside the columns."""
        engine = self._engine
        if engine is None:
            return self._last
        decimals = engine.instrument.decimals
        if not engine.instrument.tick_size and self._step:
            decimals = max(0, round(-math.log10(self._step)))
        themes = {}
        for name in ("dark", "light"):
            colours = theme_of(name, self._palette)
            themes[name] = {
                "ramp": list(ramp(name, self._palette)),
                **{part: getattr(colours, part) for part in ("up", "down", "background", "text", "muted")},
            }
        return {
            "symbol": engine.symbol,
            "tz": engine.tz,
            "step": self._step,
            "decimals": decimals,
            "levels": self._levels,
            "interval": self._interval,
            "columns": self._ring.limit,
            "height": self._height,
            "generation": self._ring.generation,
            "themes": themes,
            **self._badge(),
        }

    def _badge(self) -> dict[str, str]:
        status = self._status()
        tone = badge_tone(status)
        return {"status": "live" if tone == "live" else status, "tone": tone}

    def _status(self) -> str:
        return "closed" if self._engine is None else self._engine.status()

    def _look(self, *, final: bool = False) -> None:
        """Add a column if the interval of the newest one is over."""
        index = int(self._clock() / self._interval)
        if final:
            index = max(index, self._ring.end + 1)
        if index == self._ring.end:
            return
        self._ring.add(self._column(index))
        self._sent = min(self._sent, self._ring.end - 1)

    def _column(self, index: int) -> BookColumn:
        """Return a column of the book as it is now."""
        engine = self._engine
        if engine is None:
            raise ClosedError(f"{self!r} was closed, and has no order book any more; make another")
        with engine.lock:
            bids, asks = engine.book(MOST_LEVELS)
            trade = engine.last_trade
        if not engine.instrument.tick_size:
            self._find_step(engine.instrument, [price for price, _ in (*bids, *asks)])
        # Without a tick there is no book yet, and nowhere to draw a price.
        last = trade[1] if trade is not None and self._step else math.nan
        return column_of(index, bids, asks, last, self._step or 1.0)

    def _find_step(self, instrument: Instrument, prices: list[float]) -> None:
        """Take the smallest decimal of the prices seen for the tick size that the venue does not give."""
        if not prices:
            return
        step = 10.0 ** -self._prices.of(instrument, prices)
        while max(prices) / step > _MOST_TICKS:
            step *= 10
        if self._step and step >= self._step:
            return
        self._step = step
        # What is held is in other ticks.
        self._ring.clear()
        self._sent = -1
        # Written past the traits' notification, which belongs to the kernel's own thread.
        self._trait_values["_settings"] = self._describe()
        self.send_state("_settings")

    # -- drawing --------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Sample the order book and send new columns; the sender's thread calls this."""
        self._life.draw(self._status, self._send_changes, self._keep_last)

    def _keep_last(self) -> None:
        if not len(self._ring):
            # Closed before the first column was due.
            self._look()
        self._engine, self._last = None, self._describe()

    def _send_changes(self, is_closed: bool) -> None:
        self._look(final=is_closed)
        now = time.monotonic()
        is_due = is_closed or now - self._sent_at >= self._send_pause
        if is_due and self._ring.end > self._sent and self._life.is_looked_at(len(self._lookers)):
            self._sent_at = now
            self._send_after(self._sent)

    def _send_after(self, index: int) -> None:
        ring = self._ring
        self._sent = ring.end
        content = {"kind": "columns", "generation": ring.generation, "first": ring.first, **self._badge()}
        self.send(content, [ring.packed(index)])

    def _on_message(self, _widget: Any, message: Any, _buffers: Any) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind not in {"looks", "need"}:
            return
        end = message.get("end")
        with self._life.guard:
            if kind == "looks":
                page = str(message.get("page"))
                self._life.note_page()
                if not message.get("visible"):
                    self._lookers.discard(page)
                    return
                self._lookers.add(page)
            # What came while nobody looked was not sent.
            after = end if isinstance(end, int) and not isinstance(end, bool) else -1
            if self._ring.end != after:
                self._send_after(min(after, self._sent) if after <= self._ring.end else -1)

    def note_shown(self) -> None:
        """Count as visible until a page says otherwise: it was just displayed."""
        with self._life.guard:
            self._life.note_shown()

    def close(self) -> None:
        """Stop updating and leave the page."""
        # Closed also by the interpreter's end, and after a constructor that failed half way.
        if "_life" in self.__dict__:
            self._life.close(self._keep_last)
        super().close()

    def _leave(self) -> None:
        if "_life" in self.__dict__:
            self._life.close()
        super().close()

    def __del__(self, end: Callable[..., None] = end) -> None:
        # Wherever memory is reclaimed: no lock of the market is waited for, and nobody asks for its book.
        end(self._leave)

    # -- for pages that open later, and those without a kernel -------------------------------------------

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the widget's state with the columns held now: a reloaded page shows the present."""
        if key is None and self._is_begun():
            with self._life.guard:
                self._trait_values.update(_settings=self._describe(), _held=self._ring.packed())
        return super().get_state(key, drop_defaults)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        hold(self)
        bundle = super()._repr_mimebundle_(**kwargs)
        assert bundle is not None
        data, metadata = bundle
        self.note_shown()
        return kept({**data, "text/plain": repr(self), **picture_bundle(self.picture())}), metadata

    def _is_begun(self) -> bool:
        return "_life" in self.__dict__ and self._life.begun

    def picture(self, theme: str = "light") -> str:
        """Return the heat map as it is now as a small stand-alone SVG, ``light`` or ``dark``.

        Raises
        ------
        OptionError
            When there is no such theme.
        """
        columns = self.columns()
        if not columns:  # the notebook takes its picture before the first column is due
            with self._life.guard:
                columns = [self._column(int(self._clock() / self._interval))]
        settings = self._describe()
        return heat_svg(columns, settings, theme_of(theme, self._palette), ramp(theme, self._palette))

    def to_html(self) -> str:
        """Return the heat map as it is now as HTML that needs no kernel."""
        return self.picture()

    def __repr__(self) -> str:
        if not self._is_begun():
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} {self.symbol}: {len(self._ring)} columns, {self._status()}>"
