"""What is counted of one symbol, and how it is written."""

from __future__ import annotations

import dataclasses

import pytest

from mdnb.runtime.live.accounting import Accounting, ConnectionCounts, Ledger, counted

NUMBERS = {
    field.name: 1000 + at
    for at, field in enumerate(dataclasses.fields(Accounting))  # type: ignore[arg-type]  # it is a dataclass
    if field.type == "int"
}
EXPLAINING = (
    "in_bars",
    "duplicate",
    "late_dropped",
    "outside_session",
    "unsubscribed",
    "failed",
    "cancelled",
    "left_out",
    "held_back",
    "waiting",
)


def test_nothing_received_is_balanced_and_written_in_a_few_lines() -> None:
    made = Accounting(symbol="MNQ")
    assert (made.balanced, made.explained, made.rejected_total, made.other_symbols_total) == (True, 0, 0, 0)
    lines = [
        "MNQ: 0 received = 0 in bars",
        "  + 0 duplicate",
        "  + 0 late_dropped",
        "  + 0 outside_session",
        "  + 0 unsubscribed",
        "  + 0 held_back",
        "  + 0 waiting",
        "  balanced",
        "  0 amended a closed bar, 0 came from the history",
        "  0 quotes, 0 depth updates",
        "  connection: 0 frames, 0 control, 0 malformed",
    ]
    assert str(made).split("\n") == lines


@pytest.mark.parametrize("name", [*EXPLAINING, "rejected"])
def test_each_trade_is_in_one_counter(name: str) -> None:
    given = {"too_old": 2, "odd": 1} if name == "rejected" else 3
    made = Accounting(symbol="X", received=3, **{name: given})  # type: ignore[arg-type]  # by name
    assert (made.explained, made.balanced) == (3, True)
    other = dataclasses.replace(made, received=4)
    assert (other.explained, other.balanced) == (3, False)
    assert "  NOT balanced: 3 explained" in str(other)


def test_all_that_was_counted_is_written() -> None:
    made = Accounting(
        symbol="MNQ",
        **NUMBERS,
        rejected={"too_old": 2, "odd": 1_500},
        quotes_rejected={"b": 7, "a": 8},
        malformed_reasons={"no json": 5, "unknown message": 9},
        last_malformed="{oops",
        unused_bars={"5min": 4},
        other_symbols={"ES": 1_000, "NQ": 2},
    )
    assert (made.rejected_total, made.other_symbols_total) == (1_502, 1_002)
    value = {name: f"{number:,}" for name, number in NUMBERS.items()}
    in_part, unmatched = "count in part by their sale conditions", "changes of trades not in memory"
    depth, wrong = "depth updates,", "malformed"
    lines = [
        f"MNQ: {value['received']} received = {value['in_bars']} in bars",
        *(
            f"  + {value[name]} {name}"
            for name in (
                "duplicate",
                "late_dropped",
                "outside_session",
                "unsubscribed",
                "held_back",
                "waiting",
                "failed",
                "cancelled",
                "left_out",
            )
        ),
        "  + 1,500 rejected:odd",
        "  + 2 rejected:too_old",
        f"  NOT balanced: {made.explained:,} explained",
        f"  {value['amended']} amended a closed bar, {value['backfilled']} came from the history",
        f"  {value['corrected']} corrected, {value['in_part']} {in_part}, {value['unmatched']} {unmatched}",
        f"  {value['quotes']} quotes, {value['depth_updates']} {depth} {value['depth_left_out']} left out",
        f"  {value['depth_refused']} levels of the order book refused",
        f"  {value['quotes_crossed']} quotes with the bid above the ask",
        "  8 quotes refused:a",
        "  7 quotes refused:b",
        f"  connection: {value['frames']} frames, {value['control']} control, {value['malformed']} {wrong}",
        "  malformed: 9 'unknown message', 5 'no json'; the last one: {oops",
        "  the feed's own bars, of which none is made: 4 '5min'",
        "  of symbols that nobody follows: 1,000 'ES', 2 'NQ'",
    ]
    assert str(made).split("\n") == lines


@pytest.mark.parametrize("name", ["corrected", "in_part", "unmatched"])
def test_what_is_said_of_conditions_is_written_where_there_is_any(name: str) -> None:
    assert "count in part by their sale conditions" in str(Accounting(symbol="X", **{name: 1}))  # type: ignore[arg-type]  # by name


def test_a_ledger_gives_each_counter_under_its_name() -> None:
    ledger = Ledger()
    names = [
        name for name in ledger.__slots__ if isinstance(getattr(ledger, name), int) and name != "refused"
    ]
    for at, name in enumerate(names):
        assert getattr(ledger, name) == 0
        setattr(ledger, name, 100 + at)
    ledger.reject("odd", 3)
    ledger.reject("odd")
    ledger.quotes_rejected["bad"] = 5
    ledger.leave_bars("5min", 2)
    ledger.leave_bars("5min", 1)
    counts = ConnectionCounts()
    counts.refuse(["no json", "no json"], "{oops")
    counts.leave_out("ES", 7)
    made = ledger.freeze(
        "X",
        late_dropped=1,
        outside_session=2,
        amended=3,
        left_out=4,
        depth_refused=5,
        frames=6,
        control=7,
        malformed=8,
        connection=counts,
    )
    for at, name in enumerate(names):
        assert made[name] == 100 + at - 4 * (name == "in_bars"), name
    assert (made.symbol, made.late_dropped, made.outside_session, made.amended, made.left_out) == (
        "X",
        1,
        2,
        3,
        4,
    )
    assert (made.depth_refused, made.frames, made.control, made.malformed) == (5, 6, 7, 8)
    assert (dict(made.rejected), ledger.refused) == ({"odd": 4}, 4)
    assert (dict(made.quotes_rejected), dict(made.unused_bars)) == ({"bad": 5}, {"5min": 3})
    assert (dict(made.malformed_reasons), made.last_malformed) == ({"no json": 2}, "{oops")
    assert dict(made.other_symbols) == {"ES": 7}
    plain = Ledger().freeze(
        "X", late_dropped=0, outside_session=0, amended=0, frames=0, control=0, malformed=0
    )
    assert plain == Accounting(symbol="X")


def test_counts_are_written_the_largest_first_and_five_of_them() -> None:
    assert counted({}) == ""
    assert counted({"a": 1, "b": 2_000, "c": 1}) == "2,000 'b', 1 'a', 1 'c'"
    many = dict.fromkeys("gfedcba", 1)
    assert counted(many) == "1 'a', 1 'b', 1 'c', 1 'd', 1 'e', and 2 more"
    assert counted(many, 7) == ", ".join(f"1 {name!r}" for name in "abcdefg")
    assert counted(dict(list(many.items())[:5])) == "1 'c', 1 'd', 1 'e', 1 'f', 1 'g'"


def test_names_of_a_feed_are_no_endless_list() -> None:
    counts = ConnectionCounts()
    for at in range(5_000):
        counts.leave_out(f"S{at}", 2)
    assert len(counts.others) == 101, "a hundred names, and the rest as one"
    assert sum(counts.others.values()) == 10_000
    counts.leave_out("S0", 1)
    assert counts.others["S0"] == 3
    counts.leave_out("S4999", 1)
    assert "S4999" not in counts.others
    other = ConnectionCounts()
    other.leave_out("A" * 10_000, 1)
    (name,) = other.others
    assert len(name) == 64
