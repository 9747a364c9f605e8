"""The gaps of a symbol: the newest in full, of older ones what completeness needs."""

from __future__ import annotations

from mdnb.runtime.live.gap_book import GapBook
from mdnb.types import Gap


def test_of_very_many_gaps_the_newest_are_kept_and_none_that_is_lost_is_forgotten() -> None:
    book = GapBook()
    for number in range(1500):
        state = "lost" if number % 2 else "repaired"
        book.put(
            Gap(
                "X",
                number * 10,
                number * 10 + 5,
                number % 2 == 0,
                "reconnect",
                gap_id=f"X-{number}",
                state=state,  # type: ignore[arg-type]  # one of them
            )
        )
    assert len(book) == 1000
    assert [gap.gap_id for gap in book][:2] == ["X-500", "X-501"]
    assert book.lacking() == [(number * 10, number * 10 + 5) for number in range(1, 1500, 2)]
