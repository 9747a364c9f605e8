"""The samples that ship: small, with source and licence, and playable by name."""

from __future__ import annotations

import hashlib

import pytest

from mdnb import datasets
from mdnb.errors import FeedError
from mdnb.feeds.replay import open_recording

SOURCES = (datasets.path("gold-ticks").parent / "SOURCES.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", datasets.names())
def test_each_is_small_and_its_source_and_licence_stand_beside_it(name: str) -> None:
    path = datasets.path(name)
    content = path.read_bytes()
    assert len(content) < 300_000
    (line,) = [line for line in SOURCES.splitlines() if line.startswith(f"| {name} | {path.name} |")]
    assert line.endswith(f"| {hashlib.sha256(content).hexdigest()[:16]} |")
    licence = next(one for one in ("Apache-2.0", "MIT", "cryptofeed's") if f"| {one} |" in line)
    # Cryptofeed's asks for its whole text, and for a sentence.
    assert licence != "cryptofeed's" or "This product includes software developed by Bryant Moscon" in SOURCES
    assert datasets.describe(name)


def test_no_file_is_there_without_a_name() -> None:
    folder = datasets.path("gold-ticks").parent
    held = {path.name for path in folder.iterdir() if path.suffix in (".zip", ".gz")}
    assert held == {datasets.path(name).name for name in datasets.names()}


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("bitcoin-seconds", "BTCUSD"),
        ("bitcoin-minutes", "BTCUSD"),
        ("gold-ticks", "GC201312"),
        ("gold-minutes", "GC201312"),
        ("bitcoin-messages", "BTCUSDT"),
        ("binance-futures-messages", "SUSHIUSDT"),
        ("bybit-messages", "BTCUSD"),
        ("okx-messages", "BTC-USDT"),
    ],
)
def test_each_can_be_opened(name: str, symbol: str) -> None:
    assert symbol in open_recording(datasets.path(name)).symbols


def test_unknown_names_are_answered_with_those_there_are() -> None:
    for ask in (datasets.path, datasets.describe):
        with pytest.raises(FeedError, match=r"no dataset 'gold-tick'\. Did you mean 'gold-ticks'"):
            ask("gold-tick")
