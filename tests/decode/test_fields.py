"""What all decoders share: a venue's words, and bars without a closed flag."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from mdnb import venue_fields
from mdnb.decode import decoder, fields
from mdnb.rows import Batch, TradeRow
from tests.venues.recordings import samples

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


def has_a_key_twice(text: str) -> bool:
    """Return whether an object of a JSON text has a key twice, by a look at each."""
    found = []

    def look(pairs: list[tuple[str, object]]) -> None:
        found.append(len({name for name, _ in pairs}) < len(pairs))

    json.loads(text, object_pairs_hook=look)
    return any(found)


NAMES = st.text(alphabet=[*"ab:", '"', "\\", "é", "\N{SMILING FACE WITH SUNGLASSES}"], max_size=2)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return JSON text in which keys may stand twice, and letters may be written as escapes."""

    def word() -> str:
        plain = json.dumps(draw(NAMES), ensure_ascii=draw(st.booleans()))
        return plain.replace(":", draw(st.sampled_from([":", "\\u003a", "\\u003A"])))

    def value(depth: int) -> str:
        kinds = ["word", "number"] if depth > 2 else ["word", "number", "list", "object"]
        match draw(st.sampled_from(kinds)):
            case "word":
                return word()
            case "number":
                return draw(st.sampled_from(["1", "-2.5e3", "null", "true", "9" * 30, "1e999"]))
            case "list":
                return f"[{','.join(value(depth + 1) for _ in range(draw(st.integers(0, 3))))}]"
        pairs = [f"{word()}:{value(depth + 1)}" for _ in range(draw(st.integers(0, 3)))]
        return "{" + draw(st.sampled_from([",", " , "])).join(pairs) + "}"

    return value(0)


@given(texts())
def test_a_key_that_stands_twice_is_seen_however_it_is_written(text: str) -> None:
    if has_a_key_twice(text):
        with pytest.raises(venue_fields.UnusableError, match="duplicate key"):
            fields.refuse_duplicates(text)
    else:
        fields.refuse_duplicates(text)


@pytest.mark.parametrize(
    "text",
    [
        # A colon more that was written as an escape must not stand in for one that went with its key.
        r'{"a":1,"a":"\u003a"}',
        r'{"a":1,"a":2,"b":"\u003A"}',
        r'{"\u0061":1,"a":2}',
        '{"a":"::","b":{"c":1,"c":"1:2"}}',
    ],
)
def test_escapes_hide_no_key(text: str) -> None:
    with pytest.raises(venue_fields.UnusableError, match="duplicate key"):
        fields.refuse_duplicates(text)


def test_a_time_whose_colon_is_an_escape_leaves_no_room_for_a_key() -> None:
    plain = '{"type":"match","trade_id":7,"maker_order_id":"","taker_order_id":"","side":"sell","size":"985",'
    plain += '"price":"0.5","product_id":"A-B","sequence":1,"time":"2021-04-17T16:43:37.089723Z"'
    escaped = plain.replace("16:43", "16\\u003A43")
    decode = decoder("coinbase").feed
    assert decode([escaped + "}"]).trades == decode([plain + "}"]).trades != {}
    for text in (plain, escaped):
        batch = decode([text + ',"price":"9"}'])
        assert (batch.trades, batch.malformed) == ({}, ["duplicate key"])


def test_trades_that_are_listed_the_newest_first_are_turned() -> None:
    def pairs(*times_and_ids: tuple[int, int]) -> list[tuple[str, TradeRow]]:
        return [("X", (ns, 1.0, 1.0, 1, 1, number)) for ns, number in times_and_ids]

    newest_first, oldest_first = pairs((9, 5), (9, 4), (7, 3)), pairs((7, 3), (9, 4), (9, 5))
    assert fields.oldest_first(newest_first) == oldest_first
    assert fields.oldest_first(oldest_first) == oldest_first
    assert fields.oldest_first(pairs((9, 5), (9, 4))) == pairs((9, 4), (9, 5))
    assert fields.oldest_first(pairs((9, -1), (9, -1))) == pairs((9, -1), (9, -1))
    assert fields.oldest_first([]) == []


@pytest.mark.parametrize("dialect", sorted({s["dialect"] for s in samples() if s["kind"] == "trades"}))
def test_a_trade_as_its_venue_writes_it_is_not_read_a_second_time(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    look = fields.refuse_duplicates

    def counted(text: str) -> None:
        looks.append(text)
        look(text)

    monkeypatch.setattr(fields, "refuse_duplicates", counted)
    trades = [s["frame"] for s in samples() if (s["dialect"], s["kind"]) == (dialect, "trades")]
    again = []
    for frame in trades:
        looks.clear()
        assert decoder(dialect).feed([frame]).trades
        again.append(len(looks))
    assert min(again) == 0
