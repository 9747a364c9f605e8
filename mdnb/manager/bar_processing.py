"""How bars are built: from ticks or bars, with or without gap filling, validation and outlier removal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mdnb.config import DataManagerConfig
from mdnb.options import documented_by
from mdnb.runtime.apply_config import apply_config
from mdnb.runtime.process.bridge import await_call
from mdnb.runtime.symbol_market import SymbolMarket

__all__ = ["BarProcessing", "change_config"]


async def change_config(market: SymbolMarket, arguments: Mapping[str, Any]) -> DataManagerConfig:
    """Change options that were given, leave those that are None; return the configuration as it is then.

    Parameters
    ----------
    arguments
        All arguments of the call, as ``locals()`` gives them.
    """
    engine = market.open()
    given = {name: value for name, value in arguments.items() if name != "self" and value is not None}
    config = engine.config.replace(**given)
    await await_call(apply_config(market, config))
    return config


class BarProcessing:
    """Bar processing options of one symbol."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @property
    def config(self) -> DataManagerConfig:
        """Every option as it is now."""
        return self._market.engine.config

    @documented_by(DataManagerConfig)
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
        {options}

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
        return await change_config(self._market, locals())
