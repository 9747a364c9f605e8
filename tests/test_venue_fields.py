"""The exact conversions of venues' fields, against decimal arithmetic and numpy."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, strategies as st

from mdnb import venue_fields

LAST_NS = 9_214_646_399 * 10**9


@given(st.integers(1, 2**63 - 1), st.integers(0, 9))
def test_decimal_times_are_exact(ns: int, places: int) -> None:
    kept = ns // 10 ** (9 - places) * 10 ** (9 - places)
    text = f"{Decimal(kept) / 10**9:.{places}f}"
    if kept:
        assert venue_fields.decimal_ns(text) == kept == int(Decimal(text) * 10**9)


@given(st.integers(10**9, LAST_NS), st.integers(0, 9), st.sampled_from(["Z", "+00:00", "+05:30", "-04:00"]))
def test_iso_times_are_exact(ns: int, places: int, zone: str) -> None:
    kept = ns // 10 ** (9 - places) * 10 ** (9 - places)
    offset = 0 if zone == "Z" else int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[4:]) * 60)
    wall = kept + offset * 10**9
    if not 10**9 <= wall <= LAST_NS:
        return
    text = str(np.datetime64(wall, "ns"))
    text = text[: 19 if places == 0 else 20 + places]
    assert venue_fields.iso_ns(text + zone) == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "Z", "2021-04-17", "2021-04-17T16:43:37", "2021-04-17T16:43:37.Z", "2021-04-17T16:43:37.1_2Z"),
        *("1969-12-31T23:59:59Z", "2021-04-17T16:43:37.+1Z", "2021-04-17T16:43:37.\u0661Z"),
        *("2021-04-17T16:43:61Z", "2300-01-01T00:00:00Z", "2021-W15-6T16:43:37Z"),
        *("2021-04-17T16:43:37+99:99", "2021-04-17T16:43:37 0000", "2021-04-17T16:43:37.123456789xZ"),
        *("1970-01-01T00:30:00+05:30", "2021-04-17T164337.1Z", "2021-04-17T16:43:37:123Z"),
        *("2021-04-17T16:43:37.+00:00", "2021-04-17T16:43:37.\u0661+00:00", "2021-04-17T16:43:37123+00:00"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(venue_fields.UnusableError, match="wrong time"):
        venue_fields.iso_ns(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "-1", "+1", "1e9", "1_0", " 1", "0", "\u0661", "9" * 40, "1.5.5", "1.123456789e9"],
)
def test_what_is_no_epoch_is_refused(text: str) -> None:
    with pytest.raises(venue_fields.UnusableError, match="wrong time"):
        venue_fields.decimal_ns(text)


def test_digits_beyond_nanoseconds_are_cut() -> None:
    assert venue_fields.decimal_ns("1.9999999999") == 1_999_999_999
    assert venue_fields.iso_ns("1970-01-01T00:00:01.9999999999Z") == 1_999_999_999


@given(st.integers(1, 10**17))
def test_milliseconds_and_microseconds_of_our_times_are_told_apart(number: int) -> None:
    when = dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        microseconds=number % (200 * 365 * 86400 * 10**6)
    )
    micros = (when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    assert venue_fields.epoch_ns(micros) == micros * 1000
    assert venue_fields.epoch_ns(micros // 1000) == micros // 1000 * 10**6


@given(st.uuids())
def test_a_trade_of_a_uuid_has_the_first_63_bits_of_it(made: uuid.UUID) -> None:
    assert venue_fields.trade_number(str(made)) == made.int >> 65
    assert venue_fields.trade_number(made.hex.upper()) == made.int >> 65


@given(st.integers(0, 2**63 - 1))
def test_a_trade_of_a_number_has_it(number: int) -> None:
    assert venue_fields.trade_number(str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "-1", "1_0", "1.5", "\u0661", "9" * 19, "9" * 40),
        *("413bca3a-34a8-50aa-a2ae-47ad720be50g", "413bca3a-34a8-50aa-a2ae-47ad720be5 5"),
        *("413bca3a 34a8 50aa a2ae 47ad720be505", "413bca3a-34a8-50aa-a2ae-47ad720be505ab"),
        *("413bca3a-34a8-50aa-a2ae-47ad720be5\u06615", "0x3bca3a-34a8-50aa-a2ae-47ad720be505"),
    ],
)
def test_what_numbers_no_trade_is_refused(text: str) -> None:
    with pytest.raises(venue_fields.UnusableError, match="wrong trade id"):
        venue_fields.trade_number(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_prices_are_the_nearest_float(number: Decimal) -> None:
    class Held(venue_fields.msgspec.Struct):
        p: venue_fields.Price

    decode = venue_fields.typed(Held)
    text = f"{number:f}"
    assert decode(f'{{"p":"{text}"}}').p == float(text)
    assert decode(f'{{"p":{text}}}').p == float(text)


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-Infinity", "1e999", "1e301", " 1", "1_0", "0x1", "--1", "1.5.5"]
)
def test_what_is_no_number_is_said_to_be_none(text: str) -> None:
    with pytest.raises(venue_fields.UnusableError, match=r"^wrong number$"):
        venue_fields.number_or_nan(text)


@pytest.mark.parametrize("text", ["1e300", "-1e300", "-0.5", "12.", "1E-5", "0"])
def test_a_number_in_a_string_is_the_nearest_float(text: str) -> None:
    assert venue_fields.number_or_nan(text) == float(text)


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_number_is_nan(text: str | None) -> None:
    assert np.isnan(venue_fields.number_or_nan(text))


def test_times_reach_from_the_first_nanosecond_to_the_last_that_64_bits_hold() -> None:
    assert venue_fields.decimal_ns("0.000000001") == 1
    assert venue_fields.decimal_ns("9223372036.854775807") == 2**63 - 1
    assert venue_fields.decimal_ns("9223372036854.775807", 6) == 2**63 - 1
    for text, digits in (("9223372036.854775808", 9), ("9223372036854.775808", 6), ("0.0000000001", 9)):
        with pytest.raises(venue_fields.UnusableError, match=r"^wrong time$"):
            venue_fields.decimal_ns(text, digits)
    assert venue_fields.iso_ns("1970-01-01T00:00:01Z") == 10**9
    assert venue_fields.iso_ns("2261-12-31T23:59:59.999999999Z") == LAST_NS + 999_999_999
    for text in ("1970-01-01T00:00:00Z", "2262-01-01T00:00:00Z", "1970-01-01T01:00:00+01:00"):
        with pytest.raises(venue_fields.UnusableError, match=r"^wrong time$"):
            venue_fields.iso_ns(text)
    last_ms = (2**63 - 1) // 10**6
    assert venue_fields.epoch_ns(last_ms) == last_ms * 10**6
    assert venue_fields.epoch_ns(last_ms + 1) == (last_ms + 1) * 1_000


@pytest.mark.parametrize(
    "wrong", ["2021-04-17x16:43:37.089723Z", "2021/04-17T16:43:37Z", "2021-04/17T16:43:37Z"]
)
def test_a_time_that_is_written_otherwise_is_refused_and_in_a_few_words(wrong: str) -> None:
    for text in (wrong, wrong.replace("Z", "+00:00"), wrong + " ", "x" + wrong):
        if text == "2021-04-17x16:43:37.089723Z" or "x16" in text:
            continue
        with pytest.raises(venue_fields.UnusableError, match=r"^wrong time$"):
            venue_fields.iso_ns(text)


@given(st.integers(0, LAST_NS), st.integers(0, 9))
def test_a_time_is_written_as_numpy_writes_it(ns: int, digits: int) -> None:
    text = str(np.datetime64(ns, "ns"))
    expected = text[: 20 + digits] if digits else text[:19]
    assert venue_fields.iso_text(ns, digits) == expected + "Z"
    if digits == 9:
        assert venue_fields.iso_text(ns) == expected + "Z"
        if ns >= 10**9:
            assert venue_fields.iso_ns(venue_fields.iso_text(ns)) == ns


def test_trade_ids_are_numbers_of_64_bits_or_63_bits_of_a_uuid() -> None:
    for number in (0, 1, 2**63 - 1):
        assert venue_fields.trade_number(str(number)) == number
    text = "413bca3a-34a8-50aa-a2ae-47ad720be505"
    assert venue_fields.trade_number(text) == venue_fields.uuid_id(text) == uuid.UUID(text).int >> 65
    # 32 digits are a UUID, too.
    assert venue_fields.trade_number("9" * 32) == int("9" * 32, 16) >> 65
    assert venue_fields.uuid_id("f" * 32) == 2**63 - 1
    for wrong in (
        str(2**63),
        "1" * 19 + "0",
        "-1",
        "",
        "g" * 32,
        "\u0661",
        "f" * 31,
        "f" * 33,
        "+" + "f" * 31,
    ):
        with pytest.raises(ValueError, match=r"wrong trade id|invalid literal"):
            venue_fields.trade_number(wrong)


def test_numbers_are_read_up_to_so_many_digits_zeros_before_them_too() -> None:
    assert venue_fields.decimal_ns("0" * 10 + "1.5") == 1_500_000_000
    with pytest.raises(venue_fields.UnusableError, match=r"^wrong time$"):
        venue_fields.decimal_ns("0" * 11 + "1.5")
    assert venue_fields.trade_number("0" * 18 + "1") == 1
    with pytest.raises(venue_fields.UnusableError, match=r"^wrong trade id$"):
        venue_fields.trade_number("0" * 19 + "1")
