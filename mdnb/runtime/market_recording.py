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
    """A recording that a market writes: all frames that it receives, until it is closed or the market is.

    Attributes
    ----------
    path
        The file; ``replay:PATH`` plays it.

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

    def __init__(self, recorder: Recorder, now_ns: Callable[[], int], taps: list[Any]) -> None:
        self.path = recorder.path
        self._recorder = recorder
        self._now_ns = now_ns
        self._taps = taps
        taps.append(self._take)

    @property
    def frames(self) -> int:
        """How many frames are in it."""
        return self._recorder.frames

    def take(self, frame: str) -> None:
        """Write a frame of the recording's own, such as a roll; on the background loop."""
        self._take([frame])

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
        for frame in frames:
            keep(now_ns, frame)

    def __enter__(self) -> MarketRecording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<recording {self.path}: {self.frames:,} frames>"
