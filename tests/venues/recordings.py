"""Real recordings for tests: where they are, and how to read them without mdnb.

The files live beside the repository (``../shared/data``, or ``MDNB_SHARED_DATA``); a test that needs one that
is absent is skipped. Single messages of every venue are in ``tests/data/frames.jsonl`` and always there.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

RECORDINGS = {
    "binance_spot_btcusdt_20240808T2354": "binance",
    "binance_futures": "binance",
    "bitstamp": "bitstamp",
    "bybit_old_a": "bybit",
    "coinbase_exchange_a": "coinbase",
    "gateio": "gateio",
    "hyperliquid_l2book_btc_a": "hyperliquid",
    "kraken_v1_book": "kraken_v1",
    "kraken_v1_ticker": "kraken_v1",
    "kraken_v1_trade": "kraken_v1",
    "okx": "okx",
}
"""Name of each recorded file to its dialect."""

_LINE = re.compile(r"(\d+(?:\.\d+)?):? (.*)")


def shared(name: str) -> Path:
    """Return a file of the shared data, or skip the test."""
    base = Path(os.environ.get("MDNB_SHARED_DATA") or ROOT.parent / "shared" / "data")
    path = base / name
    if not path.exists():
        pytest.skip(f"{name} is not here: set MDNB_SHARED_DATA to the folder of the recordings")
    return path


def recording(name: str) -> Path:
    """Return a recorded file of a venue's messages."""
    return shared(f"ws/{name}.txt.gz")


def received(path: Path) -> list[tuple[int, str]]:
    """Return ``(local time in ns, frame)`` of each received line of a hftbacktest or cryptofeed file."""
    out = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            found = _LINE.fullmatch(line.rstrip("\n"))
            if found:
                scale = 10**9 if "." in found.group(1) or len(found.group(1)) < 12 else 1
                out.append((int(Decimal(found.group(1)) * scale), found.group(2)))
    return out


def frames(name: str) -> list[str]:
    """Return the frames of a recorded file, in order."""
    return [frame for _, frame in received(recording(name))]


def parsed(name: str) -> list[Any]:
    """Return the frames parsed by the standard library, numbers with a fraction as Decimal."""
    return [json.loads(frame, parse_float=Decimal) for frame in frames(name)]


def samples() -> list[dict[str, str]]:
    """Return the single messages of ``tests/data/frames.jsonl``."""
    text = (ROOT / "tests" / "data" / "frames.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def iso_ns(text: str) -> int:
    """Return nanoseconds of a UTC time, as numpy reads it."""
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))


def decimal_ns(value: str | Decimal, unit_ns: int = 10**9) -> int:
    """Return nanoseconds of a decimal number of units."""
    scaled = Decimal(value) * unit_ns
    assert scaled == int(scaled), "the recording's time is finer than a nanosecond"
    return int(scaled)
