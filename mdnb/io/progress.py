"""Progress of long reads and writes: who works tells each step, who asked for it is told, or sees a bar.

Who listens goes with the context of the call, as `decimal`'s precision does: between a call and the loop
that goes through a file's rows there are many functions, and none of them has anything to say to it.
"""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any, Final, TextIO, TypeVar

from mdnb.errors import OptionError, RuntimeUseError

__all__ = [
    "ProgressLine",
    "ProgressOption",
    "Tell",
    "carried",
    "reading",
    "reporting",
    "rows_in_steps",
    "source_of",
    "step",
]

T = TypeVar("T")

Tell = Callable[[int, int, str], None]
"""Gets how much is done, of how much, and of what: ``(65_536, 1_000_000, "writing btc.csv")``."""

ProgressOption = Tell | bool | None
"""A function that is told; True: a bar; False: none; None: a bar if somebody sees it and it takes long."""

_DELAY_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.1
_WIDTH: Final = 20
_STEP_ROWS: Final = 65_536

_listener: contextvars.ContextVar[Tell | None] = contextvars.ContextVar("mdnb_progress", default=None)


@contextlib.contextmanager
def reporting(progress: ProgressOption = None) -> Iterator[None]:
    """Report the steps of what is done in the block.

    Parameters
    ----------
    progress
        As `ProgressOption`. What a function raises ends the work.

    Raises
    ------
    OptionError
        It is nothing of the kind.

    Examples
    --------
    >>> with reporting(lambda done, total, text: print(text, done, "of", total)):
    ...     step(1, 2, "reading x.csv")
    reading x.csv 1 of 2
    """
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise OptionError(
            f"progress={progress!r}: True or False, None, or a function of (done, total, text) is needed."
        )
    bar: ProgressLine | None = None
    tell: Tell | None = _listener.get() if progress is None else _silent
    if callable(progress):
        tell = progress
    elif progress or (tell is None and _is_watched()):
        tell = bar = ProgressLine(sys.stderr, delay=0.0 if progress else _DELAY_SECONDS)
    token = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(token)
        if bar is not None:
            bar.close()


def _silent(_done: int, _total: int, _text: str) -> None:
    """Tell nobody, nor whoever would be asked within."""


def step(done: int, total: int, text: str) -> None:
    """Tell who listens how far the work is."""
    tell = _listener.get()
    if tell is not None:
        tell(done, total, text)


def reading(where: str) -> str:
    """Return what is told while a file is read."""
    return f"reading {PurePath(where).name}"


def carried(work: Callable[[], T]) -> Callable[[], T]:
    """Return work that tells who listens here, on whatever thread it is done."""
    tell = _listener.get()
    if tell is None:
        return work

    def told() -> T:
        token = _listener.set(tell)
        try:
            return work()
        except (KeyboardInterrupt, SystemExit) as error:
            # These would end the loop that waits for this thread.
            raise RuntimeUseError(f"progress= raised {error!r}; what was being done was ended") from error
        finally:
            _listener.reset(token)

    return told


def rows_in_steps(count: int, text: str, most: int = _STEP_ROWS) -> Iterator[tuple[int, int]]:
    """Yield stretches of at most so many rows, and tell after each how many are done."""
    for start in range(0, count, most):
        stop = min(start + most, count)
        yield start, stop
        step(stop, count, text)


def source_of(data: bytes | memoryview, text: str) -> Any:
    """Return what Arrow reads bytes from; where somebody listens it is told how many it has read."""
    import pyarrow as pa

    if _listener.get() in (None, _silent):
        return pa.BufferReader(data)
    return pa.PythonFile(_Counted(data, text), "r")


class _Counted(io.BytesIO):
    def __init__(self, data: bytes | memoryview, text: str) -> None:
        super().__init__(data)
        self._size, self._text, self._tell = len(data), text, _listener.get()

    def read(self, size: int | None = -1) -> bytes:
        part = super().read(size)
        # Arrow reads on a thread of its own.
        if self._tell is not None:
            self._tell(self.tell(), self._size, self._text)
        return part


class ProgressLine:
    """A bar in one line, which goes away when the work is done.

    Parameters
    ----------
    out
        Where it is drawn.
    delay
        For so many seconds nothing is drawn: what is done by then needs none.
    now
        A monotonic clock.

    Examples
    --------
    >>> made = io.StringIO()
    >>> ProgressLine(made, delay=0.0)(1, 4, "reading x.csv")
    >>> made.getvalue().strip()
    'reading x.csv  25% |#####---------------|'
    """

    def __init__(
        self, out: TextIO, *, delay: float = _DELAY_SECONDS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._now = now
        self._next = now() + delay
        self._drawn = 0
        self._of = ("", 0.0)

    def __call__(self, done: int, total: int, text: str) -> None:
        """Draw it, if it is time to."""
        at = self._now()
        if text != self._of[0]:
            self._of = text, at
        if at < self._next or total <= 0:
            return
        self._next = at + _PAUSE_SECONDS
        share = min(1.0, done / total)
        full = int(share * _WIDTH)
        line = f"{text} {share:4.0%} |{'#' * full}{'-' * (_WIDTH - full)}|"
        lasted = at - self._of[1]
        if lasted > _PAUSE_SECONDS and done:
            minutes, seconds = divmod(round(lasted * (total - done) / done), 60)
            line += f" {minutes}:{seconds:02} left"
        self._draw(line)

    def close(self) -> None:
        """Take it away."""
        if self._drawn:
            self._draw("")
            self._draw("")
            self._drawn = 0

    def _draw(self, line: str) -> None:
        self._out.write("\r" + line.ljust(self._drawn))
        self._out.flush()
        self._drawn = len(line)


def _is_watched() -> bool:
    """Return whether somebody sees what is drawn: on a terminal, or at a notebook that is attended."""
    if sys.stderr is None:
        return False
    try:
        if sys.stderr.isatty():
            return True
    except ValueError:
        return False  # closed
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    # Who runs a notebook unattended says so with each cell.
    asked: Any = getattr(kernel, "get_parent", dict)() or {}
    return bool(asked.get("content", {}).get("allow_stdin", True))
