"""Readers of frame recordings: hftbacktest's lines, cryptofeed's, and mdnb's own."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mdnb.errors import FeedError
from mdnb.feeds.replay.files import lines
from mdnb.feeds.replay.recording import Damage, Frame
from mdnb.rows import LOST_LINE

__all__ = [
    "Header",
    "cryptofeed_address",
    "cryptofeed_frames",
    "hftbacktest_frames",
    "mdnb_frames",
    "mdnb_header",
]

_CRYPTOFEED_LINE = re.compile(rb"(\d{9,11})(?:\.(\d{1,9}))?: (.+)", re.DOTALL)
_CRYPTOFEED_ADDRESS = re.compile(rb"(\w+://\S+) <-> ")


class Header(msgspec.Struct, rename={"version": "mdnb_recording"}):
    """The first line of a recording of mdnb's own; see `mdnb.feeds.recorder`."""

    version: int
    dialect: str
    symbols: list[str] = []
    names: dict[str, str] = {}
    """The venue's name of a symbol to the one it was recorded under, where they differ."""
    contracts: dict[str, str] = {}
    """Of continuous symbols the contracts that they stood for at the beginning."""
    venue: str = ""
    channels: list[str] = []


class _Line(msgspec.Struct, array_like=True):
    at_ns: int
    frame: str
    encoding: str = ""


_header = msgspec.json.Decoder(Header).decode
_line = msgspec.json.Decoder(_Line).decode


def hftbacktest_frames(path: Path, damage: Damage) -> Iterator[Frame]:
    """Yield frames of ``<local time in ns> <json>`` lines."""
    for number, line in enumerate(lines(path, damage), 1):
        at, _, frame = line.partition(b" ")
        if at.isdigit() and frame:
            yield int(at), _text(frame)
        elif line:
            damage.note(f"line {number} of {path.name}")


def cryptofeed_frames(path: Path, damage: Damage) -> Iterator[Frame]:
    """Yield the received frames of a file of cryptofeed's recorder.

    Its lines are ``<seconds>: <frame>`` for what was received, ``<address> <- <seconds>: <frame>`` for what
    was sent, and ``<address> <-> <seconds>`` for a connection.
    """
    for number, line in enumerate(lines(path, damage), 1):
        found = _CRYPTOFEED_LINE.fullmatch(line)
        if found:
            seconds, fraction, frame = found.groups()
            yield int(seconds + (fraction or b"").ljust(9, b"0")), _text(frame)
        elif line and b" <- " not in line[:4096] and b" <-> " not in line:
            damage.note(f"line {number} of {path.name}")


def cryptofeed_address(path: Path) -> str:
    """Return the address that the recording was made at, ``""`` where no line has it."""
    for number, line in enumerate(lines(path, Damage())):
        found = _CRYPTOFEED_ADDRESS.match(line)
        if found or number > 100:
            return found.group(1).decode("utf-8", "replace") if found else ""
    return ""


def mdnb_header(path: Path) -> Header:
    """Return the header of a recording of mdnb's own.

    Raises
    ------
    FeedError
        When it is of a version that this reader does not know.
    """
    first = next(lines(path, Damage()), b"")
    try:
        header = _header(first)
    except msgspec.DecodeError as error:
        raise FeedError(f"{path.name}: the header of this recording is damaged: {error}") from error
    if header.version != 1:
        raise FeedError(f"{path.name} is a recording of version {header.version}; this mdnb reads version 1")
    return header


def mdnb_frames(path: Path, damage: Damage) -> Iterator[Frame]:
    """Yield the frames of a recording of mdnb's own; between two runs the line was not there."""
    at_ns = -1
    for number, line in enumerate(lines(path, damage), 1):
        try:
            if line.startswith(b"{"):
                _header(line)
                if at_ns >= 0:
                    yield at_ns, LOST_LINE
                continue
            held = _line(line)
            frame: str | bytes = base64.b64decode(held.frame, validate=True) if held.encoding else held.frame
        except ValueError:
            damage.note(f"line {number} of {path.name}")
            continue
        at_ns = held.at_ns
        yield at_ns, frame


def _text(frame: bytes) -> str | bytes:
    # Bytes that are no text stay bytes, so that they arrive as they were recorded.
    try:
        return frame.decode("utf-8")
    except UnicodeDecodeError:
        return frame
