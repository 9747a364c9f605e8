"""Containers made to harm, each beside what its refusal says; and a sound one to make them of."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mdnb.io.manifest import Manifest, SavedInstrument, SavedSymbol
from mdnb.io.parquet import write_timeframes_into
from mdnb.io.saved_market import write_saved_market
from mdnb.io.tick_members import write_tick_member
from mdnb.stores.ticks import TICK_DTYPE

__all__ = ["HOSTILE", "SPOILT", "START_NS", "sound", "trades"]

START_NS = 1_772_440_200_000_000_000
SECOND = 1_000_000_000


def trades(count: int = 300) -> np.ndarray:
    """Return a trade every second."""
    rows = np.zeros(count, TICK_DTYPE)
    rows["ts_ns"] = START_NS + np.arange(count) * SECOND
    rows["price"] = 100 + np.arange(count) % 7 / 4
    rows["size"], rows["count"], rows["side"], rows["trade_id"] = 0.1, 1, 1, np.arange(count)
    return rows


def bars() -> pd.DataFrame:
    """Return the minutes before, and those of the trades."""
    times = pd.date_range(pd.Timestamp(START_NS, tz="UTC") - pd.Timedelta("1h"), periods=65, freq="1min")
    frame = pd.DataFrame(
        {"open": 100.0, "high": 102.0, "low": 99.0, "close": 101.0, "volume": 6.0, "tick_count": 60.0},
        index=times.as_unit("us").rename("timestamp"),
    )
    frame["closed_at"] = frame.index + pd.Timedelta("61s")
    return frame


def _members() -> dict[str, bytes]:
    write_timeframes_into(held := io.BytesIO(), {"1min": bars()})
    write_tick_member(ticks := io.BytesIO(), trades(), "UTC", {"symbol": "X"})
    return {"bars/0.parquet": held.getvalue(), "trades/0.parquet": ticks.getvalue()}


def sound(path: Path) -> Path:
    """Write a container of five minutes of trades."""
    symbol = SavedSymbol(
        symbol="MNQ",
        instrument=SavedInstrument(tick_size=0.25),
        bars="bars/0.parquet",
        trades="trades/0.parquet",
    )
    manifest = Manifest(saved_ns=START_NS + 300 * SECOND, timeframes=["1min"], symbols=[symbol])
    return write_saved_market(path, manifest, _members())


def _files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(sound(path)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(path: Path, files: list[tuple[str, bytes]], **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=options.get("compression"))


def _with_manifest(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    files = _files(path)
    manifest = json.loads(files["manifest.json"])
    change(manifest)
    files["manifest.json"] = json.dumps(manifest).encode()
    _zipped(path, list(files.items()), compression=zipfile.ZIP_STORED)


def _with_member(path: Path, name: str, data: bytes) -> None:
    """Put another file in, as the manifest says it."""
    files = _files(path)
    files[name] = data
    manifest = json.loads(files["manifest.json"])
    manifest["members"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    files["manifest.json"] = json.dumps(manifest).encode()
    _zipped(path, list(files.items()), compression=zipfile.ZIP_STORED)


def _packed(path: Path) -> None:
    files = _files(path) | {"bars/0.parquet": bytes(200_000_000)}
    _zipped(path, list(files.items()), compression=zipfile.ZIP_DEFLATED)


def _lying(path: Path) -> None:
    """Say in the list of files that a member is of half a gigabyte less a byte."""
    sound(path)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"trades/0.parquet"))
    struct.pack_into("<LL", data, at + 20, 2**29 - 1, 2**29 - 1)
    path.write_bytes(data)


def _again(path: Path) -> None:
    files = _files(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python's, that it is there twice
        _zipped(path, [*files.items(), ("trades/0.parquet", b"x")], compression=zipfile.ZIP_STORED)


def _named(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        files = _files(path)
        _zipped(path, [*files.items(), (name, b"x")], compression=zipfile.ZIP_STORED)

    return make


def _without(name: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        files = _files(path)
        # The first bytes have to be a container's.
        rest = {"manifest.json": files.pop("manifest.json")} | files
        del rest[name]
        _zipped(path, list(rest.items()), compression=zipfile.ZIP_STORED)

    return make


def _flipped(path: Path) -> None:
    """Change a bit of a member, and have the archive's own sum right."""
    files = _files(path)
    data = bytearray(files["trades/0.parquet"])
    data[len(data) // 2] ^= 1
    files["trades/0.parquet"] = bytes(data)
    _zipped(path, list(files.items()), compression=zipfile.ZIP_STORED)


def _encrypted(path: Path) -> None:
    sound(path)
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 8] |= 1
    path.write_bytes(data)


def _cut(share: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        data = sound(path).read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return make


def _many(path: Path) -> None:
    files = _files(path)
    many = [(f"bars/{number}.parquet", b"") for number in range(1, 100_001)]
    _zipped(path, [*files.items(), *many], compression=zipfile.ZIP_STORED)


def _nested(path: Path) -> None:
    inner = sound(path).read_bytes()
    _with_member(path, "bars/0.parquet", inner)


def _rows_bomb(path: Path) -> None:
    table = pa.table(
        {
            "timestamp": pa.array(np.zeros(1_000_000, np.int64)).cast(pa.timestamp("ns", "UTC")),
            **{name: np.ones(1_000_000) for name in ("price", "size")},
            "count": np.ones(1_000_000, np.int32),
            "side": np.ones(1_000_000, np.int8),
            "trade_id": np.ones(1_000_000, np.int64),
            "flag": np.zeros(1_000_000, np.uint8),
        }
    )
    with pq.ParquetWriter(made := io.BytesIO(), table.schema, compression="zstd") as writer:
        for _ in range(30):
            writer.write_table(table)
    _with_member(path, "trades/0.parquet", made.getvalue())


def _text_bomb(path: Path) -> None:
    rows = trades(100)
    columns = {name: rows[name] for name in ("size", "count", "side", "trade_id", "flag")}
    entry = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100, np.int8)), pa.array(["x" * 50_000_000]))
    times = pa.array(rows["ts_ns"]).cast(pa.timestamp("ns", "UTC"))
    table = pa.table({"timestamp": times, "price": entry, **columns})
    pq.write_table(table, made := io.BytesIO(), compression="zstd")
    _with_member(path, "trades/0.parquet", made.getvalue())


def _deep(path: Path) -> None:
    files = _files(path)
    text = b'{"mdnb_market":1,"charts":' + b"[" * 2_000_000
    _zipped(path, [("manifest.json", text), *list(files.items())[1:]], compression=zipfile.ZIP_STORED)


def _huge(path: Path) -> None:
    files = _files(path)
    text = b'{"mdnb_market":1,"tz":"' + b"x" * 20_000_000 + b'"}'
    _zipped(path, [("manifest.json", text), *list(files.items())[1:]], compression=zipfile.ZIP_STORED)


def _garbage(path: Path) -> None:
    files = _files(path)
    files["manifest.json"] = b'{"mdnb_market":1,"tz":"\xff\xfe'
    _zipped(path, list(files.items()), compression=zipfile.ZIP_STORED)


def _says(name: str, value: Any, *within: str | int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        def change(manifest: Any) -> None:
            for step in within:
                manifest = manifest[step]
            manifest[name] = value

        _with_manifest(path, change)

    return make


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "packed": (_packed, "is packed, which nothing in a saved market is"),
    "lying": (_lying, "claim to hold"),
    "twice": (_again, "twice"),
    "up": (_named("../evil.parquet"), "which no saved market has"),
    "up within": (_named("bars/../../evil.parquet"), "which no saved market has"),
    "absolute": (_named("/tmp/evil.parquet"), "which no saved market has"),
    "another": (_named("bars/7.parquet"), "what its manifest does not name"),
    "a member less": (_without("trades/0.parquet"), "it lacks trades/0.parquet"),
    "flipped": (_flipped, "its SHA-256 is another one"),
    "encrypted": (_encrypted, "encrypted"),
    "cut early": (_cut(0.3), "cut off"),
    "cut late": (_cut(0.999), "cut off"),
    "many": (_many, "at most 3,001 are read"),
    "nested": (_nested, "not a Parquet file|Parquet"),
    "rows": (_rows_bomb, "30,000,000 rows"),
    "text": (_text_bomb, "its column 'price' is dictionary"),
    "deep": (_deep, "manifest is not understood"),
    "huge": (_huge, "at most 16,777,216 are read"),
    "garbage": (_garbage, "manifest is not understood"),
    "later version": (_says("mdnb_market", 2), "version 2 of the format.*pip install -U mdnb"),
    "no version": (_says("mdnb_market", "x"), "manifest is not understood"),
    "no symbols": (_says("symbols", []), "manifest is not understood"),
    "number": (_says("saved_ns", 10**30), "manifest is not understood"),
    "member of nothing": (_says("bars", "../../etc/passwd", "symbols", 0), "does not say what"),
}

SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "zone": (_says("tz", "Mars/Olympus"), "no time zone 'Mars/Olympus'"),
    "timeframe": (_says("timeframes", ["3parsecs"]), "3parsecs"),
    "calendar": (_says("calendar", "Nowhere", "symbols", 0, "instrument"), "no calendar is called 'Nowhere'"),
    "hours": (_says("hours", [[9, 5, 1]], "symbols", 0), "sessions must be in order"),
    "options": (_says("config", {"max_ticks": -1}), "options that are none"),
    "alert": (
        _says("alerts", [{"symbol": "MNQ", "direction": "event", "event": "doom", "message": "x"}]),
        "an alert that is none",
    ),
    "path": (
        _says("alerts", [{"symbol": "MNQ", "direction": "__class__", "message": "x"}]),
        "alert that is none",
    ),
}
"""Containers in which a value is none that there is; beside it what `mdnb.open` says."""
