"""The parts of one symbol's data manager, made once and shared by its awaited and its plain face."""

from __future__ import annotations

import dataclasses

from mdnb.manager.alignment import Alignment
from mdnb.manager.bar_processing import BarProcessing
from mdnb.manager.bars import BarAccess
from mdnb.manager.depth import Depth
from mdnb.manager.files import Files
from mdnb.manager.market_now import CurrentData
from mdnb.manager.memory import Memory
from mdnb.manager.performance import Performance
from mdnb.manager.statistics import Statistics
from mdnb.manager.subscriptions import Subscriptions
from mdnb.manager.ticks import TickAccess
from mdnb.manager.validation import Validation
from mdnb.runtime.symbol_market import SymbolMarket

__all__ = ["ManagerParts"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ManagerParts:
    """The parts that carry out the methods of one symbol's data manager."""

    market: SymbolMarket
    current: CurrentData
    bars: BarAccess
    ticks: TickAccess
    subscriptions: Subscriptions
    depth: Depth
    processing: BarProcessing
    validation: Validation
    memory: Memory
    performance: Performance
    alignment: Alignment
    files: Files
    statistics: Statistics

    @classmethod
    def of(cls, market: SymbolMarket) -> ManagerParts:
        """Return the parts that work on one symbol."""
        return cls(
            market=market,
            current=CurrentData(market),
            bars=BarAccess(market),
            ticks=TickAccess(market),
            subscriptions=Subscriptions(market),
            depth=Depth(market),
            processing=BarProcessing(market),
            validation=Validation(market),
            memory=Memory(market),
            performance=Performance(market),
            alignment=Alignment(market),
            files=Files(market),
            statistics=Statistics(market),
        )
