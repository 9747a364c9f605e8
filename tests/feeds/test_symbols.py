"""One spelling for all venues, and the others are understood."""

from __future__ import annotations

import pytest

from mdnb.errors import SymbolError
from mdnb.feeds.symbols import SymbolList, VenueSymbol

LISTED = SymbolList(
    "Venue",
    [
        VenueSymbol("BTC-USDT", "BTC", "USDT", 0.1),
        VenueSymbol("BTC-USDT-SWAP", "BTC", "USDT", 0.1, settle="USDT"),
        VenueSymbol("BTC-USDT-251226", "BTC", "USDT", 0.1, settle="USDT", expiry="251226"),
        VenueSymbol("ETHUSD", "ETH", "USD"),
        VenueSymbol("DOGE/USD", "DOGE", "USD"),
    ],
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *[
            (text, "BTC-USDT")
            for text in ("BTC/USDT", "BTC-USDT", "BTCUSDT", "btc_usdt", "XBT/USDT", "BTC USDT")
        ],
        *[(text, "BTC-USDT-SWAP") for text in ("BTC/USDT:USDT", "BTC-USDT-SWAP", "btc/usdt:usdt")],
        ("BTC/USDT:USDT-251226", "BTC-USDT-251226"),
        *[(text, "ETHUSD") for text in ("ETH/USD", "ETH-USD", "ethusd")],
        *[(text, "DOGE/USD") for text in ("XDGUSD", "XDG/USD", "dogeusd")],
    ],
)
def test_every_spelling_finds_its_symbol(text: str, name: str) -> None:
    assert LISTED.find(text).name == name


def test_the_common_spelling_says_what_it_is_settled_in_and_when_it_ends() -> None:
    assert [symbol.spelling for symbol in LISTED] == [
        *["BTC/USDT", "BTC/USDT:USDT", "BTC/USDT:USDT-251226", "ETH/USD", "DOGE/USD"]
    ]


def test_what_is_not_listed_is_answered_with_what_is_near_and_not_with_all() -> None:
    many = SymbolList("Venue", [VenueSymbol(f"A{number}/USD", f"A{number}", "USD") for number in range(3000)])
    with pytest.raises(SymbolError) as caught:
        many.find("A17/USDX")
    said = str(caught.value)
    assert "'A17/USD'" in said
    assert said.endswith("It lists 3000 symbols.")
    assert len(said) < 200


@pytest.mark.parametrize(
    ("listed", "example"),
    [(["1INCH/EUR", "AAVE/EUR", "BTC/USD"], "BTC/USD"), (["ZZZ/EUR", "YYY/EUR"], "ZZZ/EUR"), ([], None)],
)
def test_where_nothing_is_near_a_symbol_shows_how_they_are_spelled(
    listed: list[str], example: str | None
) -> None:
    symbols = SymbolList("Venue", [VenueSymbol(one, *one.split("/")) for one in listed])
    with pytest.raises(SymbolError) as caught:
        symbols.find("MNQ")
    such = "" if example is None else f", such as {example!r}"
    assert str(caught.value) == f"Venue does not list 'MNQ'. It lists {len(listed)} symbols{such}."


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *[("EURT/USD", "EURT/USD"), ("EUR/TUSD", None), ("BTCB-USD", "BTCB/USD")],
        *[("BTC/BUSD", "BTCBUSD"), ("btc_busd", "BTCBUSD"), ("XBT/BUSD", "BTCBUSD")],
    ],
)
def test_two_pairs_whose_letters_are_alike_are_told_apart(text: str, name: str | None) -> None:
    pairs = [("EURT/USD", "EURT", "USD"), ("BTCB/USD", "BTCB", "USD"), ("BTCBUSD", "BTC", "BUSD")]
    listed = SymbolList("Venue", [VenueSymbol(*pair) for pair in pairs])
    if name is None:
        with pytest.raises(SymbolError, match=r"does not list 'EUR/TUSD'\. Did you mean 'EURT/USD'"):
            listed.find(text)
    else:
        assert listed.find(text).name == name


@pytest.mark.parametrize("text", ["", "/", "☃", "A" * 500, "BTC/USD\n"])
def test_whatever_is_asked_for_is_answered_in_a_sentence(text: str) -> None:
    with pytest.raises(SymbolError, match="does not list"):
        LISTED.find(text)


def test_an_instrument_bears_the_name_it_was_asked_for_by() -> None:
    made = LISTED.find("BTCUSDT").instrument("BTCUSDT")
    assert (made.symbol, made.tick_size, made.description) == ("BTCUSDT", 0.1, "BTC/USDT")
