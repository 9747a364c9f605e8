"""Recording what a market receives while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from mdnb.feeds.recorder import Recorder
from mdnb.runtime.process.bridge import call
from mdnb.runtime.process.loop import background_loop

__all__ = ["MarketRecording"]


class MarketRecording:
    """A recording that a market writes: the frames that it receives, until it is closed or the market is.

    Parameters
    ----------
    recorder
        Writes.
    symbols
        Whose frames.
    now_ns
        The market's time.
    taps
        Get what is received.
    keeps
        Which frames; None: all.

    Attributes
    ----------
    path
        The file; ``replay:PATH`` plays it.
    symbols
        What it is a recording of.

    Examples
    --------
    >>> import mdnb, tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "mnq.jsonl.gz"
    >>> with mdnb.live("MNQ", "1sec", initial_days=0) as live, live.record(file) as recording:
    ...     bar = live.wait_for("new_bar")
    >>> recording.frames > 0
    True
    """

    def __init__(
        self,
        recorder: Recorder,
        symbols: Sequence[str],
        now_ns: Callable[[], int],
        taps: list[Any],
        keeps: Callable[[str | bytes], bool] | None = None,
    ) -> None:
        self.path = recorder.path
        self.symbols = tuple(symbols)
        self._recorder = recorder
        self._now_ns = now_ns
        self._taps = taps
        self._keeps = keeps
        taps.append(self._take)

    @property
    def frames(self) -> int:
        """How many frames are in it."""
        return self._recorder.frames

    def take(self, frame: str) -> None:
        """Write a frame of the recording's own, such as a roll; on the background loop."""
        self._recorder.frame(self._now_ns(), frame)

    def close(self) -> None:
        """End the recording; calling it again does nothing.

        Raises
        ------
        DataExportError
            When some frame could not be written.
        """
        if background_loop().is_current_thread():
            self.end()
        else:
            call(self._close())

    def end(self) -> None:
        """Do what `close` does; on the background loop."""
        if self._take in self._taps:
            self._taps.remove(self._take)
        self._recorder.close()

    async def _close(self) -> None:
        self.end()

    def _take(self, frames: Sequence[str | bytes]) -> None:
        now_ns, keep = self._now_ns(), self._recorder.frame
        for frame in frames if self._keeps is None else filter(self._keeps, frames):
            keep(now_ns, frame)

    def __enter__(self) -> MarketRecording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<recording {self.path}: {self.frames:,} frames>"
