"""`LiveTable`: the base of all live tables: when they are drawn, and what is sent to pages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import anywidget
import traitlets

from mdnb.arguments import whole_number
from mdnb.errors import ClosedError, MdnbError, OptionError
from mdnb.runtime.live.symbol_state import SymbolState
from mdnb.widgets.page.display_policy import kept
from mdnb.widgets.page.hold import end, hold, let_go
from mdnb.widgets.page.join_modules import STATIC, join_modules
from mdnb.widgets.page.known_attributes import MadeWhole, check_attribute
from mdnb.widgets.page.life import Life
from mdnb.widgets.page.theme import badge_tone, theme_of
from mdnb.widgets.tables.state import Cell

__all__ = ["MOST_ROWS", "LiveTable", "Shown", "row_limit"]


MOST_ROWS = 200
"""Rows of a table at the most: the whole of it is sent on each change."""


class Shown(Protocol):
    """The content of a table at one moment, such as a `TableState`."""

    def message(self) -> dict[str, Any]:
        """Return the content as a message for the page."""
        ...

    def text(self) -> str:
        """Return it as plain text."""
        ...

    def html(self) -> str:
        """Return it as HTML, everything escaped."""
        ...


Content = TypeVar("Content", bound=Shown)


class LiveTable(anywidget.AnyWidget, Generic[Content], metaclass=MadeWhole):
    """A table that updates by itself; the base of all live tables.

    It is drawn from a thread of its own, so it moves while a cell runs. Nothing is sent while nothing changed
    or nobody looks. The colours are the page's; gains and losses have a sign beside their colour.

    Parameters
    ----------
    engines
        Where the data comes from.
    fps
        Changes of the page a second at the most, above 0, up to 60.
    palette
        ``colorblind`` or ``default``.

    Raises
    ------
    OptionError
        When an option is outside what is allowed.
    """

    _esm = join_modules("tables/live_table.js")
    # Not the path: anywidget would watch the file, and hold each widget for that.
    _css = (STATIC / "tables" / "live_table.css").read_text(encoding="utf-8")
    _table = traitlets.Dict().tag(sync=True)
    _colours: traitlets.List[str] = traitlets.List().tag(sync=True)

    def __init__(
        self, engines: Sequence[SymbolState], *, fps: float = 10.0, palette: str = "colorblind"
    ) -> None:
        if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 60:
            raise OptionError(f"fps must be above 0 and at most 60; got {fps!r}")
        colours = theme_of("light", palette)
        self.fps = float(fps)
        self._engines = tuple(engines)
        self._symbols = tuple(engine.symbol for engine in engines)
        self._last: Content | None = None
        self._life = Life()
        self._seen: Hashable = None
        # Views are counted only where the count is a number from the start.
        super().__init__(_table=self.state().message(), _colours=[colours.up, colours.down], _view_count=0)
        self._seen = self._version()
        self.observe(self._on_views, "_view_count")
        self._life.begin(self, self._engines)
        let_go(self)

    if not TYPE_CHECKING:  # a type checker would take it for leave to set anything

        def __setattr__(self, name: str, value: object) -> None:
            check_attribute(self, name, value)
            super().__setattr__(name, value)

    # -- what it shows: each table's own; not abstract, as the metaclass of a widget is traitlets' ----

    def state(self) -> Content:
        """Return the content of the table as it is now; once it or its market is closed, the last.

        Raises
        ------
        ClosedError
            When it was closed, and there was nothing to be shown.
        """
        with self._life.guard:
            if self._last is not None:
                return self._last
            if not self._engines:
                raise ClosedError(f"{self!r} was closed, and had nothing to show; make another")
            return self._compose()

    def _compose(self) -> Content:
        """Return the content of the table, from the data as it is now."""
        raise NotImplementedError

    def _let_data_go(self) -> None:
        """Hold nothing of the market any more."""
        self._engines = ()

    @property
    def _engine(self) -> SymbolState:
        return self._engines[0]

    def _version(self) -> Hashable:
        """Return something cheap that is unlike the last one whenever the table has to change."""
        raise NotImplementedError

    def _status(self) -> str:
        return self._engines[0].status() if self._engines else "closed"

    def _badge(self) -> Cell:
        status = self._status()
        tone = badge_tone(status)
        return Cell("live" if tone == "live" else status, tone)

    # -- drawing ------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Send what changed since the last time; the sender's thread calls this."""
        self._life.draw(self._status, self._send_changes, self._keep_last)

    def _send_changes(self, _is_closed: bool) -> None:
        version = self._version()
        if version != self._seen and self._is_looked_at():
            self._seen = version
            self._send_now()

    def _send_now(self) -> None:
        message = self.state().message()
        if message != self._trait_values["_table"]:
            # Written past the traits' notification, which belongs to the kernel's own thread.
            self._trait_values["_table"] = message
            self.send_state("_table")

    def _keep_last(self) -> None:
        with contextlib.suppress(MdnbError):
            self._last = self._compose()
        self._let_data_go()

    def _is_looked_at(self) -> bool:
        if self._view_count:
            self._life.note_page()
        return self._life.is_looked_at(self._view_count or 0)

    def note_shown(self) -> None:
        """Count as visible until the page says otherwise: it was just displayed, alone or in a box."""
        with self._life.guard:
            self._life.note_shown()
            self._send_now()

    def _on_views(self, change: dict[str, Any]) -> None:
        if (change["new"] or 0) > (change["old"] or 0):
            # What changed while nobody looked was not sent.
            with self._life.guard:
                self._send_now()

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
        # Wherever memory is reclaimed: no lock of the market is waited for, and nobody asks for its data.
        end(self._leave)

    # -- for pages that open later, and those without a kernel ----------------------------------------

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the widget's state with the table as it is now: a reloaded page shows the present."""
        if key is None and self._is_begun():
            with self._life.guard:
                self._trait_values["_table"] = self.state().message()
        return super().get_state(key, drop_defaults)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        hold(self)
        bundle = super()._repr_mimebundle_(**kwargs)
        assert bundle is not None
        data, metadata = bundle
        self.note_shown()
        state = self.state()
        return kept({**data, "text/plain": state.text(), "text/html": state.html()}), metadata

    def _is_begun(self) -> bool:
        return "_life" in self.__dict__ and self._life.begun

    def to_html(self) -> str:
        """Return the table as it is now as plain HTML, everything escaped."""
        return self.state().html()

    def __str__(self) -> str:
        return self.state().text()

    def __repr__(self) -> str:
        if not self._is_begun():
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} {', '.join(self._symbols)}: {self._status()}>"


def row_limit(name: str, value: Any, most: int = MOST_ROWS) -> int:
    """Return how many rows or levels are shown.

    Raises
    ------
    OptionError
        When it is not a whole number from 1 to ``most``.

    Examples
    --------
    >>> row_limit("rows", 50)
    50
    """
    count = whole_number(name, value, 1)
    if count > most:
        raise OptionError(f"{name} must be at most {most}; got {value!r}")
    return count
