"""What was wrong is kept by kind: what follows each other is one entry."""

from __future__ import annotations

from mdnb.runtime.live.kept_faults import DataFault, KeptFaults

SECOND = 1_000_000_000


def fault(at: float, kind: str = "late", count: int = 1, timeframe: str = "") -> DataFault:
    time_ns = round(at * SECOND)
    return DataFault(
        type=kind,
        description=f"at {at}",
        time_ns=time_ns,
        values={"at": at},
        count=count,
        symbol="X",
        timeframe=timeframe,
        last_ns=time_ns,
        tz="UTC",
    )


def seen(kept: KeptFaults) -> list[tuple[str, str, int, float, float]]:
    """Return kind, sentence, count, first and last second of each entry."""
    return [
        (one.type, one.description, one.count, one.time_ns / SECOND, one.last_ns / SECOND) for one in kept
    ]


def test_those_that_follow_within_a_minute_are_one_with_the_last_ones_words() -> None:
    kept = KeptFaults()
    kept.add(fault(5, count=2), 5 * SECOND)
    made = kept.add(fault(3, count=3), 65 * SECOND)
    assert seen(kept) == [("late", "at 3", 5, 3.0, 5.0)]
    assert made.values == {"at": 3}
    kept.add(fault(66), 125 * SECOND + 1)
    assert seen(kept) == [("late", "at 3", 5, 3.0, 5.0), ("late", "at 66", 1, 66.0, 66.0)]
    assert len(kept) == 2
    kept.add(fault(500), 600 * SECOND + 0)
    assert len(kept) == 3
    kept.add(fault(900), 9999 * SECOND, always_one=True)
    assert seen(kept)[-1] == ("late", "at 900", 2, 500.0, 900.0)


def test_those_of_bars_and_those_that_are_to_be_apart_stay_so() -> None:
    kept = KeptFaults()
    kept.add(fault(1, timeframe="1min"), SECOND)
    kept.add(fault(2, timeframe="1min"), SECOND)
    kept.add(fault(3), SECOND)
    kept.add(fault(4, timeframe="5min"), SECOND)
    assert [one[2] for one in seen(kept)] == [1, 1, 1, 1]
    kept.add(fault(5), SECOND)
    kept.add(fault(6), SECOND, apart=True)
    kept.add(fault(7), SECOND)
    assert [one[1:3] for one in seen(kept)][4:] == [("at 5", 1), ("at 7", 2)]


def test_they_are_in_the_order_in_which_they_were_last_met() -> None:
    kept = KeptFaults()
    for at, kind in enumerate(("a", "b", "a", "c", "b")):
        kept.add(fault(at, kind), at)
    assert [one[0] for one in seen(kept)] == ["a", "c", "b"]


def test_a_flood_of_one_kind_pushes_out_no_other() -> None:
    kept = KeptFaults()
    kept.add(fault(0, "rare"), 0)
    for at in range(1100):
        kept.add(fault(at, timeframe="1min"), at)
    assert len(kept) == 1001
    assert seen(kept)[0][0] == "rare"
    assert seen(kept)[1][1] == "at 100"


def test_several_are_written_with_their_number_and_until_when() -> None:
    kept = KeptFaults()
    one = kept.add(fault(1), SECOND)
    assert "times until" not in str(one)
    many = kept.add(fault(61, count=1_499), SECOND)
    assert str(many) == (
        "late at 1970-01-01 00:00:01+00:00: at 61 (1,500 times until 1970-01-01 00:01:01+00:00)"
    )
    assert many.last.value == 61 * SECOND
    assert "times until" not in str(fault(1, count=5, timeframe="1min"))
