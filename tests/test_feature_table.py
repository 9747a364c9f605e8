"""What traders ask of a live chart in a notebook, and the tests that show each of it.

The features are the rows of a comparison of nine peers, none of which has them all. The tests named here run
with all others.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]

_SHOWN_BY = {
    "live candles from a feed, no user code": (
        "browser/test_chart.py::test_the_chart_moves_while_a_cell_runs",
        "browser/test_chart.py::test_a_chart_shown_just_before_a_blocking_cell_moves",
    ),
    "ticks -> bars": (
        "test_equal_bars.py::test_kraken_minutes_and_flat_minutes",
        "test_equal_bars.py::test_coinbase_seconds_make_its_minutes",
        "browser/test_chart.py::test_what_is_drawn_is_what_the_engine_holds",
    ),
    "several timeframes linked live": (
        "browser/test_dashboard.py::test_the_charts_are_linked",
        "browser/test_linking.py::test_zooming_shows_the_same_time_on_all_by_a_least_number_of_bars",
    ),
    "volume pane": (
        "browser/test_pixels.py::test_after_fifty_random_operations_the_page_draws_what_the_engine_holds",
    ),
    "indicator overlays": (
        "browser/test_kinds.py::test_indicators_are_drawn_where_python_says",
        "widgets/test_composition.py::test_overlays_are_traces_that_follow_the_bars",
    ),
    "keeps zoom while live": (
        "browser/test_chart.py::test_a_zoom_stays_while_bars_arrive_and_a_double_click_follows_again",
        "browser/test_pixels.py::test_a_zoom_outlives_that_nobody_looked_for_a_while",
    ),
    "follow last bar / stop following on pan": (
        "browser/test_controls.py::test_follow_shows_what_was_done_in_the_page_and_brings_it_back",
        "browser/test_linking.py::test_panning_moves_all_and_ends_following_and_the_button_brings_all_back",
    ),
    "pause / resume / replay": (
        "browser/test_modes.py::test_a_paused_picture_stands_still_and_nothing_is_lost",
        "browser/test_modes.py::test_a_replay_shows_no_bar_before_its_time_and_ends_in_the_present",
        "browser/test_modes.py::test_a_replay_is_paused_stepped_and_hurried",
    ),
    "timeframe selector": (
        "browser/test_controls.py::test_timeframe_kind_and_symbol_are_chosen_by_keyboard",
    ),
    "depth / order book view": (
        "browser/test_heat_map.py::test_it_moves_while_a_cell_runs_and_holds_the_books_that_the_engine_had",
        "widgets/test_tables.py::test_the_ladder_has_asks_above_bids_and_the_figures_of_the_book",
    ),
    "time & sales table": (
        "browser/test_tables.py::test_all_four_move_while_a_cell_blocks_for_three_seconds_and_do_not_grow",
        "widgets/test_tables.py::test_the_tape_has_the_newest_trades_newest_on_top_with_sign_and_colour",
    ),
    "JupyterLab, and where else": (
        "browser/test_chart.py::test_python_sees_the_bars_that_are_drawn",
        "browser/test_notebook.py::test_it_moves_while_a_cell_runs",
        "browser/test_voila.py::test_chart_and_tables_move",
    ),
    "a host that cannot run it": (
        "browser/test_fallback.py::test_plotlys_own_front_end_takes_over_and_moves",
    ),
    "survives page reload (kernel alive)": (
        "browser/test_chart.py::test_a_reloaded_page_shows_the_present",
        "browser/test_dashboard.py::test_a_page_that_is_loaded_again_has_all_of_it_linked",
    ),
    "picture on GitHub/nbviewer": (
        "test_notebooks.py::test_saved_without_widget_state_with_a_picture_in_its_place",
        "widgets/test_marks.py::test_a_picture_has_marks_at_their_bars_and_alerts_at_their_prices",
        "browser/test_security.py::test_what_is_kept_in_the_notebook_is_text",
    ),
    "dark theme": ("browser/test_chart.py::test_colours_follow_the_page",),
    "export png/html/csv": (
        "widgets/test_chart_files.py::test_csv_and_parquet_hold_it",
        "widgets/test_chart_files.py::test_pages_and_pictures_stand_alone",
        "browser/test_controls.py::test_what_is_shown_can_be_saved",
    ),
    "click/hover events to Python": (
        "browser/test_chart.py::test_a_click_on_a_candle_reaches_python",
        "browser/test_chart.py::test_what_people_do_to_a_figure_widget_works",
    ),
    "keyboard / accessibility": (
        "browser/test_controls.py::test_tab_leads_through_all_controls_from_left_to_right_and_each_has_a_name",
        "browser/test_modes.py::test_the_keyboard_pans_zooms_and_returns",
        "browser/test_drawings.py::test_a_line_is_drawn_without_a_pointer",
        "browser/test_tables.py::test_what_reads_a_page_aloud_finds_headings_captions_and_signs",
    ),
    "session breaks (no overnight gaps)": (
        "browser/test_kinds.py::test_days_and_sessions_are_separated_and_the_zone_is_told",
        "browser/test_chart.py::test_the_axis_says_the_times_of_the_bars",
    ),
    "alerts": (
        "test_alerts.py::test_a_live_market_tells_of_its_alerts",
        "browser/test_marks.py::test_an_alert_that_fires_while_a_cell_blocks_is_said",
    ),
    "drawing tools": (
        "browser/test_drawings.py::test_a_line_is_drawn_moved_and_deleted",
        "browser/test_drawings.py::test_a_rectangle_is_drawn_picked_moved_and_made_larger",
    ),
    "trade markers": (
        "browser/test_marks.py::test_marks_stand_at_their_bars_in_every_timeframe_and_zoom",
        "widgets/test_marks.py::test_a_frame_is_marked_whole_or_not_at_all",
    ),
    "strategy/equity overlay": ("browser/test_chart.py::test_what_people_do_to_a_figure_widget_works",),
    "bar-close countdown": (
        "browser/test_chart.py::test_it_counts_down_to_the_end_of_the_bar_and_draws_bid_and_ask_when_asked",
    ),
    "latency/health badge": (
        "browser/test_outage.py::test_the_badge_tells_of_a_cut_line_and_the_chart_goes_on_when_it_is_mended",
        "browser/test_outage.py::test_the_badge_tells_of_a_silent_line_and_the_chart_has_what_was_said_meanwhile",
        "browser/test_kernel_watch.py::test_a_restart_from_the_menu_is_told",
    ),
}


@functools.cache
def _tests_in(path: Path) -> dict[str, list[str]]:
    """Return the tests of a file, and what decorates each."""
    functions = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    ]
    return {node.name: [ast.unparse(one) for one in node.decorator_list] for node in functions}


@pytest.mark.parametrize("feature", _SHOWN_BY)
def test_the_feature_is_shown_by_tests_that_always_run(feature: str) -> None:
    for named in _SHOWN_BY[feature]:
        file, name = named.split("::")
        found = _tests_in(_ROOT / "tests" / file)
        assert name in found, f"there is no {named}"
        left_out = [one for one in found[name] if one.startswith(("pytest.mark.slow", "pytest.mark.skip"))]
        assert not left_out, f"{named} does not run with the others: {left_out}"
