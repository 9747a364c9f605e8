"""Which rooms of the package are given faults, which tests must notice them, and what share of them."""

from __future__ import annotations

import dataclasses

__all__ = ["ROOMS", "Room", "room_of"]


@dataclasses.dataclass(frozen=True)
class Room:
    """A folder of the package, the tests run against each fault in it, and the least share to be noticed.

    A folder in it that is a room of its own is not part of it. `beside` names files that do the same work and
    stand outside the folder, since others import them, too. `without` names those of the tests that are not
    run: they take too long to be run once a fault, wait so many seconds of the wall clock, end a call in
    another context than it began in, which mutmut does not allow, or run as one who may not read its copy.
    """

    name: str
    wanted: float
    tests: tuple[str, ...]
    without: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Patterns of the files in the room's folder and beside it."""
        return (f"mdnb/{self.name}/*", *self.beside)

    def inner(self) -> list[Room]:
        """Return the rooms inside this one."""
        return [room for name, room in ROOMS.items() if name.startswith(f"{self.name}/")]


_SESSION = "tests/runtime/test_session.py"
_ASKS = "tests/runtime/test_session_asks.py"
_TIMER = "tests/runtime/live/test_closing_timer.py"
_OTHERS = "tests/market_store/test_other_readers.py"
_PLAYED = "tests/runtime/live/test_recorded_batcher.py"

ROOMS = {
    room.name: room
    for room in (
        Room("validate", 90.0, ("tests/validate", "tests/manager/test_validation.py")),
        Room(
            "bars",
            90.0,
            (
                "tests/bars",
                "tests/manager/test_bar_processing.py",
                "tests/runtime/live/test_rebuild.py",
                "tests/runtime/live/test_trade_changes.py",
                "tests/runtime/past/test_merge_changes.py",
            ),
        ),
        Room(
            "decode",
            85.0,
            ("tests/decode", "tests/test_rows.py", "tests/test_venue_fields.py"),
            beside=("mdnb/rows.py", "mdnb/sale_conditions.py", "mdnb/venue_fields.py"),
        ),
        Room(
            "runtime",
            85.0,
            (
                "tests/runtime",
                "tests/faces/test_last_events.py",
                "tests/feeds/venues/test_projectx_rolls.py",
                "tests/faces/test_what_is_meant.py",
                "tests/manager/test_as_of_future.py",
                "tests/manager/test_memory.py",
                "tests/test_arguments.py",
                "tests/manager/test_options.py",
                "tests/manager/test_statistics.py",
                "tests/manager/test_validation.py",
                "tests/test_alerts.py",
                "tests/test_positive_prices.py",
                "tests/test_suite.py",
            ),
            without=(
                "tests/runtime/live",
                "tests/runtime/past",
                "tests/runtime/process/test_scripts.py",
                "tests/runtime/test_soak.py",
                "tests/runtime/test_equal_at_any_speed.py",
                f"{_ASKS}::test_the_end_of_a_recording_closes_its_symbols_in_the_order_of_their_time",
                f"{_SESSION}::test_a_venue_that_cannot_be_reached_is_an_error_with_address_and_reason",
            ),
        ),
        Room(
            "runtime/live",
            85.0,
            (
                "tests/runtime/live",
                "tests/runtime/past",
                "tests/runtime/test_contracts_kept.py",
                "tests/runtime/test_disk_overflow.py",
                "tests/runtime/test_known.py",
                "tests/runtime/test_recorded_book.py",
                "tests/runtime/test_session.py",
                "tests/runtime/test_session_rolls.py",
                "tests/manager/test_alignment.py",
                "tests/manager/test_as_of_future.py",
                "tests/manager/test_bar_processing.py",
                "tests/manager/test_memory.py",
                "tests/manager/test_statistics.py",
                "tests/manager/test_validation.py",
                "tests/test_records.py",
                "tests/validate/test_live_checks.py",
            ),
            without=(
                f"{_TIMER}::test_of_a_thousand_symbols_only_those_are_asked_that_have_a_bar_due",
                f"{_PLAYED}::test_a_handler_finds_nothing_that_closed_later_than_its_bars",
                "tests/runtime/past/test_chaos.py",
                "tests/runtime/past/test_import_meets_live.py",
                "tests/runtime/past/test_outages_on_sockets.py",
                f"{_SESSION}::test_a_venue_that_cannot_be_reached_is_an_error_with_address_and_reason",
            ),
        ),
        Room("runtime/past", 85.0, ("tests/runtime/past",), without=("tests/runtime/past/test_chaos.py",)),
        Room(
            "market_store",
            85.0,
            ("tests/market_store", "tests/runtime/test_store_keeper.py"),
            without=(
                "tests/market_store/test_kill.py",
                f"{_OTHERS}::test_all_read_it_while_it_is_written",
                f"{_OTHERS}::test_bars_that_are_in_parquet_are_written_anew_and_never_found_twice",
                "tests/market_store/test_reading.py::test_whoever_asks_while_segments_go_into_parquet_is_answered",
            ),
        ),
        Room(
            "stores",
            85.0,
            ("tests/stores", "tests/runtime/test_disk_overflow.py"),
        ),
        Room(
            "io",
            85.0,
            ("tests/io", "tests/recordings"),
            without=(
                "tests/io/hostile_markets.py",
                "tests/io/test_files.py::test_a_folder_without_permission_is_told",
            ),
        ),
    )
}


def room_of(file: str) -> Room | None:
    """Return the innermost room that a file of the package belongs to; None where no faults are put."""
    around = [room for room in ROOMS.values() if file.startswith(f"mdnb/{room.name}/") or file in room.beside]
    return max(around, key=lambda room: len(room.name), default=None)
