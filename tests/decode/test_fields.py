"""What all decoders share: a venue's words, and bars without a closed flag."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from mdnb import venue_fields
from mdnb.decode import fields
from mdnb.rows import Batch

LAST_NS = 9_214_646_399 * 10**9


def test_words_of_a_venue_are_made_printable_and_short() -> None:
    assert fields.reply_text("a\x1b[31m\nb" + "x" * 500) == "a [31m b" + "x" * 192


def test_a_bar_older_than_the_open_one_is_closed_and_leaves_that_open() -> None:
    bars, batch = fields.OpenBars(), Batch()
    for start in (60, 120, 60, 120, 180):
        bars.add(batch, "X", "1min", (start, 1.0, 1.0, 1.0, 1.0, 5.0, 2, 5.0))
    assert [(row[0], closed) for row, closed in batch.bars["X", "1min"]] == [
        *[(60, False), (60, True), (120, False)],
        (60, True),
        *[(120, False), (120, True), (180, False)],
    ]


@given(
    st.recursive(
        st.one_of(st.integers(), st.text(max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)
        ),
    )
)
def test_distinct_keys_pass_and_a_repeated_one_is_refused(value: object) -> None:
    text = json.dumps({"k": value})
    fields.refuse_duplicates(text)
    with pytest.raises(venue_fields.UnusableError, match="duplicate key"):
        fields.refuse_duplicates(f'[{text[:-1]}, "k": 1}}]')
