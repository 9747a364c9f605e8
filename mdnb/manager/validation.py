"""Validation of live and imported data."""

from __future__ import annotations

from collections.abc import Callable

from mdnb.arguments import whole_number
from mdnb.errors import NoDataError, OptionError, did_you_mean
from mdnb.manager.forward import immediate
from mdnb.manager.repair_bars import repair_bars
from mdnb.records import FrozenDict
from mdnb.runtime.live.kept_faults import DataFault
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import SymbolMarket
from mdnb.statistics import BarRepair, ValidationResult, ValidationStatistics
from mdnb.stores.columns import FILLED, PARTIAL, BarColumns
from mdnb.timeframes import Grid
from mdnb.validate import bar_times
from mdnb.validate.bar_rules import check_bars
from mdnb.validate.findings import FINDING_TYPES, QualityFinding
from mdnb.validate.live_checks import seed_rows
from mdnb.validate.rules import ValidationRules

__all__ = ["Validation"]


class Validation:
    """Validation of one symbol's data."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market
        self._corrections_before = 0

    async def enable_validation(
        self,
        check_price_consistency: bool = True,
        check_volume_sanity: bool = True,
        check_timestamp_order: bool = True,
        max_price_deviation: float | None = 0.05,
        *,
        check_tick_size: bool = True,
        check_quotes: bool = True,
        check_spikes: bool = True,
        check_stale: bool = True,
        check_gaps: bool = True,
        check_children: bool = True,
        check_units: bool = True,
    ) -> ValidationRules:
        """Turn validation on, for the bars in memory and everything that arrives from now on.

        What is found is counted (`get_validation_stats`), kept (`get_validation_errors`) and emitted
        (``DATA_QUALITY_ALERT``, at most one a second of a kind). Only ``max_price_deviation`` keeps data out;
        the other checks flag.

        Parameters
        ----------
        check_price_consistency, check_volume_sanity, check_timestamp_order, check_tick_size, check_quotes, \
check_spikes, check_stale, check_gaps, check_children, check_units
            See `mdnb.validate.rules.ValidationRules`.
        max_price_deviation
            Share of the last prices, 0.05 is 5 %: a trade further off is refused. None switches it off.

        Returns
        -------
        ValidationRules
            The checks that are on.

        Raises
        ------
        OptionError
            When a value is outside what is allowed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     rules = market.data.enable_validation(max_price_deviation=0.05)
        ...     market.data.get_validation_stats().bars_validated > 100
        True
        """
        rules = ValidationRules(
            check_price_consistency=check_price_consistency,
            check_volume_sanity=check_volume_sanity,
            check_timestamp_order=check_timestamp_order,
            max_price_deviation=max_price_deviation,
            check_tick_size=check_tick_size,
            check_quotes=check_quotes,
            check_spikes=check_spikes,
            check_stale=check_stale,
            check_gaps=check_gaps,
            check_children=check_children,
            check_units=check_units,
        )
        self._market.open()
        await await_call(self._begin(rules))
        return rules

    async def _begin(self, rules: ValidationRules) -> None:
        market = self._market
        engine, pipeline = market.engine, market.pipeline
        quality = pipeline.quality
        if quality.rules is None:
            self._corrections_before = self._corrections()
        with engine.lock:
            held = {name: engine.closed_columns(name) for name in engine.timeframes()}
            quality.enable(rules, {name: engine.grid(name) for name in held})
            pipeline.rules.set_deviation(rules.max_price_deviation)
            for name, columns in held.items():
                prices = (columns.open, columns.high, columns.low, columns.close, columns.volume)
                last = slice(-100, None)
                quality.seed(name, seed_rows(columns.time_us[last], *(one[last] for one in prices)))
        found = await market.workers.map(
            [_checker(market, name, columns, held) for name, columns in held.items()]
        )
        for (name, columns), findings in zip(held.items(), found, strict=True):
            quality.bars_validated += len(columns)
            for one in findings:
                if rules.allows(one.type):
                    quality.bars_bad += 0 if one.type.startswith("gap") else one.count
                    quality.note(one, name)

    def _corrections(self) -> int:
        taken = self._market.accounting()
        crossed = self._market.engine.depth.crossed_removed
        return taken.rejected_total + taken.held_back + taken.duplicate + taken.amended + crossed

    @immediate
    async def get_validation_stats(self) -> ValidationStatistics:
        """Return the counters of validation; all zero before `enable_validation`.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     rules = market.data.enable_validation()
        ...     market.data.get_validation_stats().success_rate
        1.0
        """
        quality = self._market.pipeline.quality
        enabled = quality.rules is not None
        checked = quality.bars_validated
        return ValidationStatistics(
            symbol=self._market.symbol,
            enabled=enabled,
            bars_validated=checked,
            errors_detected=quality.detected.total() if enabled else 0,
            corrections_made=self._corrections() - self._corrections_before if enabled else 0,
            success_rate=1.0 - min(1.0, quality.bars_bad / checked) if checked else 1.0,
            by_type=FrozenDict(quality.detected),
        )

    @immediate
    async def get_validation_errors(self, limit: int = 100, type: str | None = None) -> list[DataFault]:
        """Return the validation errors, newest first.

        What comes trade by trade, such as trades that are refused, is one entry as long as more of the kind
        comes within a minute: ``count``, ``time`` of the first and ``last``.

        Parameters
        ----------
        limit
            At most so many; of each type the newest 1000 are kept.
        type
            Only findings of this type, such as ``price_spike``.

        Raises
        ------
        OptionError
            When ``limit`` is negative, or ``type`` is none that there is.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min", "5min"], initial_days=0.1) as market:
        ...     rules = market.data.enable_validation()
        ...     market.data.get_validation_errors(limit=10)
        []
        """
        wanted = whole_number("limit", limit)
        if not isinstance(type, str | None):
            raise OptionError(f"type must be a text such as 'price_spike', or None for all; got {type!r}")
        kept = list(self._market.pipeline.quality.errors)
        if type is not None and type not in FINDING_TYPES:
            held = ", ".join(sorted({one.type for one in kept})) or "none"
            meant = did_you_mean(type, sorted(FINDING_TYPES))
            raise OptionError(f"type={type!r} is no type of these. {meant}Types found so far: {held}.")
        return [one for one in reversed(kept) if type in (None, one.type)][:wanted]

    async def validate_imported_data(self, timeframe: str, *, repair: bool = False) -> ValidationResult:
        """Run every check on all bars of a timeframe, imported ones included.

        Parameters
        ----------
        timeframe
            A timeframe that is kept.
        repair
            Put right what can be: prices a power of 100 off the newest ones' unit, single bars and short runs
            off those around by a round ratio (``unit_change``), and splits that were not applied to older
            bars (``split_not_applied``). The bars are replaced, in memory
            and on disk, the coarser ones follow, and the result lists each value. Finer bars stay.

        Raises
        ------
        TimeframeError
            When the timeframe is not kept.
        NoDataError
            When no bar of it is held.
        OptionError
            When ``repair`` is not a bool.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("BTC-USD", ["1min"], initial_days=1) as market:
        ...     result = market.data.validate_imported_data("1min")
        >>> result.bars > 100, len(result.errors) == 0 or not result.success
        (True, True)
        """
        if not isinstance(repair, bool):
            raise OptionError(f"repair must be True or False; got {repair!r}")
        market = self._market
        engine = market.open()
        name = engine.canonical(timeframe)
        columns = engine.reader.everything(name)
        if not len(columns):
            raise NoDataError(f"no {name} bar of {market.symbol} is held; import some first")
        repairs: tuple[BarRepair, ...] = ()
        if repair and engine.instrument.positive_prices:
            repairs = await await_call(market.workers.run(lambda: repair_bars(market, name, columns)))
            columns = engine.reader.everything(name)
        check = _checker(market, name, columns, {})
        found = await await_call(market.workers.run(check))
        imported = market.pipeline.import_findings.get(name, ())
        errors = tuple(sorted((*imported, *found), key=lambda one: one.time_ns))
        return ValidationResult(
            timeframe=name, success=not errors, bars=len(columns), errors=errors, repairs=repairs
        )


def _checker(
    market: SymbolMarket, name: str, columns: BarColumns, others: dict[str, BarColumns]
) -> Callable[[], list[QualityFinding]]:
    """Return the check of a timeframe's bars, to be run on a worker thread."""
    engine = market.engine
    grid = engine.grid(name)
    children = _children(market, name, others)

    def check() -> list[QualityFinding]:
        # Flat bars stand for nothing, partial ones are known to lack something.
        whole = columns.where((columns.flags & (FILLED | PARTIAL)) == 0)
        if not len(whole):
            return []
        found = check_bars(whole, None, engine.instrument)
        if grid is not None:
            found += bar_times.check_grid(whole, grid)
            found += bar_times.check_gaps(columns, grid, None if children is None else children[0])
            if children is not None:
                found += bar_times.check_children(whole, grid, *children)
        return sorted(found, key=lambda one: (one.time_ns, one.type))

    return check


def _children(
    market: SymbolMarket, name: str, others: dict[str, BarColumns]
) -> tuple[BarColumns, Grid] | None:
    """Return the bars, and the grid, of the timeframe that a coarser one is fed from."""
    engine = market.engine
    if name in engine.activity:
        return None
    parent = engine.cascade.node(name).parent
    if parent is None:
        return None
    held = others.get(parent.name)
    if held is None:
        held = engine.reader.everything(parent.name)
    # The first bars that memory holds may be cut off: what they feed cannot be compared.
    return (held, parent.grid) if len(held) else None
