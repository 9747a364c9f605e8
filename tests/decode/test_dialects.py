"""Decoders of other packages are found by their entry points."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

import pytest

from mdnb import decode
from mdnb.decode.renaming import RenamingDecoder
from mdnb.errors import FeedError
from mdnb.rows import Batch


class Own:
    def feed(self, frames: Sequence[str | bytes]) -> Batch:
        batch = Batch()
        batch.frames = len(frames)
        return batch


class NotOne:
    pass


def install(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Have an entry point named ``own``, as an installed package has it."""
    point = importlib.metadata.EntryPoint("own", value, decode.ENTRY_POINTS)

    def entry_points(group: str, name: str | None = None) -> importlib.metadata.EntryPoints:
        held = [point] if group == decode.ENTRY_POINTS and name in (None, "own") else []
        return importlib.metadata.EntryPoints(held)

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


def test_a_decoder_of_another_package_is_made_by_its_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, f"{__name__}:Own")
    assert decode.decoder("own").feed(["{}", "{}"]).frames == 2
    assert "own" in decode.dialects()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no_such_package.at_all:Decoder", "cannot be made: No module"),
        (f"{__name__}:Absent", "cannot be made"),
        (f"{__name__}:NotOne", "has no feed"),
    ],
)
def test_one_that_is_none_is_told_by_name(monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    install(monkeypatch, value)
    with pytest.raises(FeedError, match=words) as caught:
        decode.decoder("own")
    assert value in str(caught.value)


def test_a_dialect_that_nobody_understands_is_answered_with_those_that_are() -> None:
    with pytest.raises(FeedError, match="Did you mean 'kraken'"):
        decode.decoder("krakn")


def test_bars_and_books_are_named_anew_too() -> None:
    frames = [
        '{"e":"bars","s":"X1","tf":"1min","closed":true,"r":[[60,1,1,1,1,5,2,null]]}',
        '{"e":"depth","s":"X1","t":5,"snap":true,"b":[[1,1]],"a":[[2,1]]}',
        '{"e":"quotes","s":"X2","r":[[5,1,1,2,1]]}',
    ]
    batch = RenamingDecoder(decode.decoder("mdnb"), {"X1": "X"}).feed(frames)
    assert (list(batch.bars), list(batch.depth), list(batch.quotes)) == ([("X", "1min")], ["X"], ["X2"])
