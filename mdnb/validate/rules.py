"""Which checks of the data are on."""

from __future__ import annotations

import dataclasses

from mdnb.errors import OptionError
from mdnb.frozen import refuse_changes

__all__ = ["ValidationRules"]


@refuse_changes
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRules:
    """Checks of live and held data.

    Parameters
    ----------
    check_price_consistency
        Bars: low <= open, close <= high; every price finite, and positive where the instrument's prices are.
    check_volume_sanity
        Bars: volume finite, not negative, whole lots where the instrument trades these, and no sudden
        multiple of the volumes around.
    check_timestamp_order
        Bars start later than the one before, on the timeframe's grid, inside sessions, not in the future;
        trades are not stamped minutes before the newest one.
    max_price_deviation
        A trade further off the last prices than this share of them (0.05 is 5 %) is refused; None switches
        the check off. Where prices may be zero and negative it may also be ten recent ranges, or ten ticks,
        off (see ``mdnb.validate.tick_rules``).
    check_tick_size
        Prices are multiples of the instrument's tick size.
    check_quotes
        Bid below ask (not crossed, not locked), spread at most 50 times the median.
    check_spikes
        A bar's high or low is not far off the bars around it.
    check_stale
        Prices that stand still bar after bar; no data while the market is open.
    check_gaps
        Intervals inside sessions without a bar.
    check_children
        Coarse bars are what finer ones add up to.
    check_units
        Prices that jump by a factor of 100, or by the ratio of a split.

    Raises
    ------
    OptionError
        When a value is outside what is allowed.

    Examples
    --------
    >>> ValidationRules(max_price_deviation=0.02).max_price_deviation
    0.02
    """

    check_price_consistency: bool = True
    check_volume_sanity: bool = True
    check_timestamp_order: bool = True
    max_price_deviation: float | None = 0.05
    check_tick_size: bool = True
    check_quotes: bool = True
    check_spikes: bool = True
    check_stale: bool = True
    check_gaps: bool = True
    check_children: bool = True
    check_units: bool = True

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "max_price_deviation":
                good = value is None or (
                    isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1
                )
                if not good:
                    raise OptionError(
                        f"max_price_deviation must be above 0 and below 1, or None; got {value!r}"
                    )
            elif not isinstance(value, bool):
                raise OptionError(f"{field.name} must be True or False; got {value!r}")

    def allows(self, kind: str) -> bool:
        """Return whether the check of a finding type is on."""
        option = _OPTIONS.get(kind)
        return option is None or bool(getattr(self, option))


_OPTIONS = {
    "ohlc_inconsistent": "check_price_consistency",
    "price_not_finite": "check_price_consistency",
    "price_not_positive": "check_price_consistency",
    "volume_not_finite": "check_volume_sanity",
    "volume_negative": "check_volume_sanity",
    "volume_not_whole": "check_volume_sanity",
    "volume_spike": "check_volume_sanity",
    "time_backwards": "check_timestamp_order",
    "duplicate_equal": "check_timestamp_order",
    "duplicate_conflicting": "check_timestamp_order",
    "time_off_grid": "check_timestamp_order",
    "session_closed": "check_timestamp_order",
    "time_in_future": "check_timestamp_order",
    "trade_out_of_order": "check_timestamp_order",
    "price_off_tick": "check_tick_size",
    "quote_crossed": "check_quotes",
    "quote_locked": "check_quotes",
    "spread_wide": "check_quotes",
    "price_spike": "check_spikes",
    "flat_run": "check_stale",
    "feed_stale": "check_stale",
    "all_refused": "check_stale",
    "gap_missing": "check_gaps",
    "gap_no_trade": "check_gaps",
    "children_differ": "check_children",
    "unit_change": "check_units",
    "split_not_applied": "check_units",
}
"""By type of finding, the option that asks for it; other types are always wanted."""
