"""What events carry is what the documentation of `EventType` says."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping

from mdnb.clock import EventClock
from mdnb.events.types import Event, EventType
from mdnb.feeds.rolls import ContractHistory
from tests.limits import LIMIT_SECONDS
from tests.manager.hand import SECOND, START, HandFeed, open_market, trade

_BORDER = re.compile(r"^ *=+ +=+ +=+ +=+$")


def documented() -> dict[str, tuple[str, str, list[str]]]:
    """Return of each type what the table says: its data, its time, and its fields."""
    lines = (EventType.__doc__ or "").splitlines()
    first, second, third = (at for at, line in enumerate(lines) if _BORDER.fullmatch(line))
    columns = [span.start() for span in re.finditer("=+", lines[first])]
    rows: list[list[str]] = []
    for line in lines[second + 1 : third]:
        cells = [line[at:until].strip() for at, until in zip(columns, [*columns[1:], None], strict=True)]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1][3] += " " + cells[3]
    table: dict[str, tuple[str, str, list[str]]] = {}
    for names, data, time, fields in rows:
        held = [part.partition(" ")[0] for part in fields.split(", ") if part != "..."]
        for name in names.split(", "):
            table[name] = (data.strip("`"), time, table["NEW_BAR"][2] if held[0] == "as" else held)
    return table


def emitted() -> list[Event]:
    """Return events of each type that a feed moved by hand brings about."""
    clock = EventClock(START)
    rows = [trade(number * 20, 100.0 + number / 10, 1.0, number) for number in range(50)]
    feed = HandFeed(clock=clock, trades=rows)
    told: list[Event] = []
    found = threading.Event()
    feed.contracts = ContractHistory()
    feed.contracts.begin("X", "H26")
    with open_market(feed, "1min", "5min") as market:
        for kind in EventType:
            market._parts.session.bus.tap(kind, told.append)
        market.data.subscribe_to_level2()
        market.alert(above=100.5)
        gap = market._parts.session.bus.tap(EventType.DATA_GAP, lambda _event: found.set())
        # Trades 10 to 29 are missing, and the last one is late.
        for row in (*rows[:10], *rows[30:], trade(900, 50.0, 1.0, 50)):
            clock.advance(row[0])
            feed.trades(row)
        assert found.wait(LIMIT_SECONDS)
        gap.cancel()
        feed.status("stale")
        feed.depth([(100.0, 1.0)], [(100.5, 2.0)])
        feed.quotes((START + 990 * SECOND, 100.0, 1.0, 100.5, 2.0))
        feed.send("no message at all")
        feed.roll("M26")
        feed.send(f'{{"e":"changes","s":"{market.symbol}","r":[[{START + 990 * SECOND},5,100.5,1.0,null]]}}')
    return told


def test_the_table_names_every_type_its_data_its_time_and_its_fields() -> None:
    table = documented()
    assert set(table) == set(EventType.__members__)
    seen = set()
    for event in emitted():
        data, time, fields = table[event.type.name]
        seen.add(event.type.name)
        if data == "mapping":
            assert isinstance(event.data, Mapping)
        else:
            assert type(event.data).__name__ == data
        assert [name for name in fields if not hasattr(event, name)] == []
        if time.startswith("START"):
            assert event.time == event.data.time
            if event.type in (EventType.NEW_BAR, EventType.BAR_CONSTRUCTED):
                assert event.time < event.end <= event.closed_at
            else:
                assert event.end is event.closed_at is None
        if time.startswith("END"):
            assert event.time == event.end <= event.closed_at
    assert seen == set(table)
