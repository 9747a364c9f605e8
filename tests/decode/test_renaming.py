"""Symbols have the names that they were asked for by, in all that a venue sends, also across a roll."""

from __future__ import annotations

import pytest

from mdnb.decode.renaming import RenamingDecoder, RollingDecoder, roll_frame, seam_prices_frame
from mdnb.decode.wire import Decoder
from mdnb.rows import Batch, ContractChange, SeamPrices, TradeChange

FRAMES = [
    '{"e":"trades","s":"A1","r":[[5,9.5,2.0,1,-1,7]]}',
    '{"e":"quotes","s":"A1","r":[[6,9.5,2.0,9.75,1.0]]}',
    '{"e":"depth","s":"A1","t":7,"snap":true,"b":[[9.5,1.0]],"a":[]}',
    '{"e":"bars","s":"A1","tf":"1min","closed":true,"r":[[0,1.0,2.0,0.5,1.5,3.0,2,4.0]]}',
    '{"e":"changes","s":"A1","r":[[8,7,9.5,2.0,null]]}',
]
KINDS = ("trades", "quotes", "depth", "bars", "changes")


def _names(batch: Batch) -> set[object]:
    keys = [key for kind in KINDS for key in getattr(batch, kind)]
    return {key[0] if isinstance(key, tuple) else key for key in keys}


@pytest.mark.parametrize("at", range(len(FRAMES)))
def test_each_kind_of_rows_has_the_name_that_was_asked_for_and_is_else_as_it_was(at: int) -> None:
    plain = Decoder().feed([FRAMES[at]])
    other = FRAMES[at].replace("A1", "B1")
    made = RenamingDecoder(Decoder(), {"A1": "A/1"}).feed([FRAMES[at], other])
    assert _names(made) == {"A/1", "B1"}
    for kind in KINDS:
        held = list(getattr(plain, kind).values())
        assert list(getattr(made, kind).values()) == [*held, *held]
    assert list(made.bars) == ([("A/1", "1min"), ("B1", "1min")] if plain.bars else [])


def test_all_else_of_a_batch_is_as_it_was() -> None:
    batch = RenamingDecoder(Decoder(), {"A1": "A/1"}).feed([*FRAMES, '{"e":"clock","t":90}', "{oops"])
    assert (batch.frames, batch.control, batch.clock_ns, batch.malformed) == (7, 1, 90, ["not JSON"])
    assert batch.changes == {"A/1": [TradeChange(8, 7, 9.5, 2.0)]}
    assert RenamingDecoder(Decoder(), {}).feed(['{"e":"clock","t":90}']).rare is None


def test_behind_a_roll_the_next_contract_has_the_name() -> None:
    names = {"A1": "A"}
    made = RollingDecoder(RenamingDecoder(Decoder(), names), names)
    change = ContractChange("A", 7, "A1", "B1")
    next_one = FRAMES[0].replace("A1", "B1")
    assert [list(made.feed([frame]).trades) for frame in (FRAMES[0], next_one)] == [["A"], ["B1"]]
    batch = made.feed([roll_frame(change)])
    assert (list(batch.rolls), batch.frames, batch.control, batch.malformed) == ([change], 1, 1, [])
    assert not _names(batch)
    assert [list(made.feed([frame]).trades) for frame in (FRAMES[0], next_one)] == [["A1"], ["A"]]
    # From the second roll on, too; the contract before may be known by nothing any more.
    made.feed([roll_frame(ContractChange("A", 9, "gone", "A1"))])
    assert list(made.feed([FRAMES[0]]).trades) == ["A"]


def test_what_contracts_were_worth_at_a_seam_is_read_as_it_was_written() -> None:
    made = RollingDecoder(Decoder(), {})
    worth = SeamPrices("A", 7, 0.1, 0.30000000000000004)
    batch = made.feed([seam_prices_frame(worth)])
    assert (list(batch.seam_prices), list(batch.rolls)) == ([worth], [])
    assert (batch.control, batch.malformed) == (1, [])
    for frame in (seam_prices_frame(worth)[:-2], '{"mdnb_roll_prices":["A",7,null,1.0]}'):
        assert len(made.feed([frame]).malformed) == 1
    assert list(Batch().seam_prices) == []


def test_what_only_looks_like_a_roll_is_left_to_the_venues_decoder() -> None:
    made = RollingDecoder(Decoder(), {})
    roll = roll_frame(ContractChange("A", 7, "A1", "B1"))
    for frame in (
        roll[:-1],
        roll.replace("7", '"seven"'),
        roll.replace("mdnb_roll", "roll"),
        '{"mdnb_roll":1}',
    ):
        batch = made.feed([frame])
        assert (list(batch.rolls), len(batch.malformed)) == ([], 1)
    assert made.feed([b"{}"]).malformed
    assert made.feed([]).frames == 0
    # A roll is read by itself.
    assert len(made.feed([roll, FRAMES[0]]).malformed) == 1
