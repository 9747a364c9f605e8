r"""Recording a feed's frames to a file that ``replay:PATH`` plays again, frame for frame.

The file is JSON lines, packed with gzip where its name ends in ``.gz`` or ``.mdnb``::

    {"mdnb_recording":1,"dialect":"kraken","symbols":["BTC/USD"],"venue":"Kraken","channels":["trades"]}
    [1762795433971744500,"{\"channel\":\"trade\",...}"]
    [1762795433971913700,"gAEC","base64"]

Each line after the first holds the time of receipt in UTC epoch nanoseconds, by the market's clock where it
is known, and the frame as it came; one that came as bytes is kept in base64. Only what was received is
written, so no credential of ours can get in; but for frames of the recording's own:
``{"mdnb_roll":[symbol, at_ns, old, new]}``, where a continuous symbol goes from one contract to the next;
``{"mdnb_roll_prices":[symbol, at_ns, old_price, new_price]}``, where it is known what both were worth then;
and ``{"mdnb_line":"lost"}``, where the connection was lost.
A file has one writer at a time; the lock is let go of when its process ends, however that does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import gzip
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec

from mdnb.errors import DataExportError, FeedError
from mdnb.feeds.endpoint import masked
from mdnb.feeds.file_lock import lock_for_writing
from mdnb.feeds.replay.files import head
from mdnb.feeds.replay.frame_files import mdnb_header
from mdnb.feeds.torn_gzip import close_torn_gzip

__all__ = ["FLUSH_SECONDS", "Recorder", "refuse_unfit"]

FLUSH_SECONDS = 1.0
"""A killed process loses what arrived in this time, at most."""

_PACKED = (".gz", ".mdnb")
_PACK_LEVEL = 6
_encode = msgspec.json.Encoder().encode
_log = logging.getLogger("mdnb.feeds.recorder")


class Recorder:
    r"""Writes frames into a recording.

    Within a running event loop what was written reaches the disk's cache within a second; elsewhere, with
    each frame. When the disk refuses, recording stops, the log says so, and `close` raises; the feed goes on.

    Parameters
    ----------
    path
        The file; packed where its name ends in ``.gz`` or ``.mdnb``.
    dialect
        Names the decoder of the frames.
    symbols
        Those subscribed to, as they were asked for.
    names
        The venue's name of each to the one it was asked for by, where they differ: a replay goes by the
        latter.
    contracts
        Of continuous symbols the contracts that they stand for now.
    venue, channels
        The venue's name and what was subscribed, for people.
    append
        Go on with a file that is there, a recording of the same dialect and symbols; else it must not exist,
        or be empty.
    on_failure
        Called once where the disk refuses.
    secrets
        Returns the credentials in plain text: stars stand for what a venue quotes of them.

    Attributes
    ----------
    frames
        Frames written so far.
    size
        Bytes of the file, as of the last time that was written to the disk's cache.

    Raises
    ------
    DataExportError
        When the file cannot be written, or is there already, or cannot be continued; when somebody else
        writes it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "kraken.jsonl"
    >>> with Recorder(path, "kraken", ["BTC/USD"]) as recorder:
    ...     recorder.frame(5, '{"channel":"heartbeat"}')
    >>> print(path.read_text(), end="")
    {"mdnb_recording":1,"dialect":"kraken","symbols":["BTC/USD"]}
    [5,"{\"channel\":\"heartbeat\"}"]
    """

    def __init__(
        self,
        path: str | Path,
        dialect: str,
        symbols: Sequence[str] = (),
        *,
        names: Mapping[str, str] | None = None,
        contracts: Mapping[str, str] | None = None,
        venue: str = "",
        channels: Sequence[str] = (),
        append: bool = False,
        on_failure: Callable[[], None] | None = None,
        secrets: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.path = Path(path)
        self._secrets = secrets
        self.frames = 0
        self.size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._failure: DataExportError | None = None
        self._on_failure = on_failure
        packed = self.path.suffix.lower() in _PACKED
        try:
            refuse_unfit(self.path, dialect, symbols, append=append)
            self._is_new = not os.path.lexists(self.path)
            self._raw: io.BufferedWriter = self.path.open("ab")
        except DataExportError:
            raise
        except OSError as error:
            raise self._refused(error) from error
        try:
            lock_for_writing(self._raw, self.path)
            # Looked at under the lock: what was written since somebody looked first is there to be seen.
            refuse_unfit(self.path, dialect, symbols, append=append)
            before = _mended(self._raw, self.path, packed)
        except DataExportError:
            self._raw.close()
            raise
        except OSError as error:
            self._raw.close()
            raise self._refused(error) from error
        self._file: io.BufferedWriter | gzip.GzipFile = (
            gzip.GzipFile("", "ab", _PACK_LEVEL, self._raw, mtime=0) if packed else self._raw
        )
        told: dict[str, object] = {"names": dict(names or {}), "contracts": dict(contracts or {})}
        told |= {"venue": venue, "channels": list(channels)}
        opening = _encode(
            {"mdnb_recording": 1, "dialect": dialect, "symbols": list(symbols)}
            | {name: value for name, value in told.items() if value}
        )
        try:
            self._file.write(before + opening + b"\n")
            self._file.flush()
        except OSError as error:
            self._close_files()
            raise self._refused(error) from error

    def frame(self, recv_ns: int, frame: str | bytes) -> None:
        """Append a frame; fast, and never raises.

        Parameters
        ----------
        recv_ns
            When it was received, UTC epoch nanoseconds.
        frame
            As it was received.
        """
        if self._file.closed or self._failure is not None:
            return
        if held := self._secrets():
            frame = masked(frame, held)
        try:
            self._file.write(_line(recv_ns, frame))
            self.frames += 1
            if self._timer is None:
                self._flush_soon()
        except OSError as error:
            self._fail(error)

    def flush(self) -> None:
        """Hand all that was written to the operating system."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._file.closed or self._failure is not None:
            return
        try:
            self._file.flush()
            self._look_at_file()
        except OSError as error:
            self._fail(error)

    def _look_at_file(self) -> None:
        """Raise an OSError where somebody has taken away what was written."""
        held = os.fstat(self._raw.fileno())
        if held.st_nlink == 0:
            raise OSError(errno.ENOENT, "the file was deleted meanwhile")
        if held.st_size < self.size:
            raise OSError(errno.EIO, "the file was cut meanwhile")
        self.size = held.st_size

    def close(self) -> None:
        """Write what is left and close the file; calling it again does nothing.

        Raises
        ------
        DataExportError
            When some frame could not be written.
        """
        self.flush()
        if (error := self._close_files()) is not None:
            self._fail(error)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def discard_empty(self) -> None:
        """Remove the file where it was made here and no frame is in it: it would be in the next one's way."""
        if self._is_new and not self.frames and not self._raw.closed:
            # Under the lock; where an open file cannot be removed it stays.
            with contextlib.suppress(OSError):
                self.path.unlink()
            self._failure = None
            self._close_files()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Nobody would wake us later.
            self.flush()
        else:
            self._timer = loop.call_later(FLUSH_SECONDS, self.flush)

    def _close_files(self) -> OSError | None:
        """Close the packed file and the one below it, whatever the first says; return what was wrong."""
        failure: OSError | None = None
        for file in (self._file, self._raw):
            try:
                file.close()
            except OSError as error:
                failure = failure or error
        return failure

    def _refused(self, error: OSError) -> DataExportError:
        return DataExportError(f"cannot record to {self.path}: {error.strerror or error}")

    def _fail(self, error: OSError) -> None:
        if self._failure is None:
            self._failure = DataExportError(
                f"recording to {self.path} stopped after {self.frames} frames: {error.strerror or error}"
            )
            _log.error("%s", self._failure)
            if self._on_failure is not None:
                self._on_failure()


def _line(recv_ns: int, frame: str | bytes) -> bytes:
    if isinstance(frame, str):
        try:
            return _encode((recv_ns, frame)) + b"\n"
        except UnicodeEncodeError:
            frame = frame.encode("utf-8", "surrogatepass")
    return _encode((recv_ns, base64.b64encode(frame).decode("ascii"), "base64")) + b"\n"


def refuse_unfit(path: Path, dialect: str, symbols: Sequence[str], *, append: bool) -> None:
    """Refuse a file that is there and is not to be continued, or is another's.

    Raises
    ------
    DataExportError
        Then; the file is as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(b"notes"), file.flush()
    ...     refuse_unfit(Path(file.name), "kraken", ["BTC/USD"], append=False)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    mdnb.errors.DataExportError: /... is there already and is no recording of mdnb; record BTC/USD ...
    """
    if not _holds_something(path):
        return
    try:
        header = mdnb_header(path) if b'"mdnb_recording"' in head(path, 64) else None
    except FeedError:
        header = None
    elsewhere = f"record {', '.join(symbols) or 'frames'} ({dialect}) to another file"
    if header is None:
        raise DataExportError(f"{path} is there already and is no recording of mdnb; {elsewhere}")
    same = not header.symbols or not symbols or set(header.symbols) == set(symbols)
    if header.dialect != dialect or not same:
        held = f"a recording of {', '.join(header.symbols) or 'frames'} ({header.dialect})"
        raise DataExportError(f"{path} is there already and is {held}; {elsewhere}")
    if not append:
        raise DataExportError(
            f"{path} is there already; {elsewhere}, or go on with this one (--append, append=True)"
        )


def _holds_something(path: Path) -> bool:
    return path.exists() and bool(path.is_dir() or path.stat().st_size)


def _mended(file: io.BufferedWriter, path: Path, packed: bool) -> bytes:
    """End properly what a writer that was killed left; return what has to come before the next line.

    A line that was torn must not swallow ours.
    """
    if not _holds_something(path):
        return b""
    if not packed:
        with path.open("rb") as held:
            held.seek(-1, io.SEEK_END)
            return b"" if held.read(1) == b"\n" else b"\n"
    rest = close_torn_gzip(file, path)
    if rest is None:
        raise DataExportError(
            f"{path} is damaged: it can be replayed up to there, but not continued; record to another file"
        )
    return rest if rest.endswith(b"\n") or not rest else rest + b"\n"
