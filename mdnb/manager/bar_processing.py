"""How bars are made."""

from __future__ import annotations

from typing import Any

from mdnb.config import DataManagerConfig
from mdnb.runtime.apply_config import apply_config
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import SymbolMarket

__all__ = ["BarProcessing", "change_config"]


async def change_config(market: SymbolMarket, **options: Any) -> DataManagerConfig:
    """Change options that are given, leave those that are None; return the configuration as it is then."""
    engine = market.open()
    config = engine.config.replace(**{name: value for name, value in options.items() if value is not None})
    await await_call(apply_config(market, config))
    return config


class BarProcessing:
    """What goes into the bars of one symbol."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @property
    def config(self) -> DataManagerConfig:
        """Every option as it is now."""
        return self._market.engine.config

    async def configure_bar_processing(
        self,
        use_tick_data: bool | None = None,
        fill_gaps: bool | None = None,
        validate_bars: bool | None = None,
        remove_outliers: bool | None = None,
    ) -> DataManagerConfig:
        """Set how bars are made, from now on; what is not given stays as it is.

        Parameters
        ----------
        use_tick_data
            Build bars from trades; False builds them from the feed's own bars, from the next bar of the
            finest timeframe on.
        fill_gaps
            Add flat bars (open = high = low = close = the close before, volume 0) for intervals inside a
            session that had no trade.
        validate_bars
            Refuse bars of the feed that cannot be; they count as rejected.
        remove_outliers
            Keep trades far off the market (`mdnb.validate.outliers.TrailingFilter`) out of bars, flagged
            ``outlier`` among the ticks; when the next trades confirm them the bars are amended. Imports
            leave out bars by the published centred rule.

        Returns
        -------
        DataManagerConfig
            All options as they are now.

        Raises
        ------
        OptionError
            When the feed sends no bars of its own for ``use_tick_data=False``, or a value is not a bool.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     market.data.configure_bar_processing(fill_gaps=True, remove_outliers=True).fill_gaps
        True
        """
        return await change_config(
            self._market,
            use_tick_data=use_tick_data,
            fill_gaps=fill_gaps,
            validate_bars=validate_bars,
            remove_outliers=remove_outliers,
        )
