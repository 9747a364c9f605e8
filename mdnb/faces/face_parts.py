"""The parts that carry out the methods of one symbol's faces: made once, shared by both faces."""

from __future__ import annotations

import dataclasses

from mdnb.faces.bar_files import BarFiles
from mdnb.faces.connection_view import ConnectionView
from mdnb.faces.event_faces import AwaitedEvents, PlainEvents
from mdnb.faces.market_saver import MarketSaver, charts_of
from mdnb.faces.newest_values import NewestValues
from mdnb.manager import RealtimeDataManager
from mdnb.manager.bars import BarAccess
from mdnb.manager.parts import ManagerParts
from mdnb.runtime.session import MarketSession
from mdnb.runtime.set_alerts import AlertSetter
from mdnb.sync_manager import SyncDataManager
from mdnb.widgets.open_charts import ChartOpener
from mdnb.widgets.open_tables import TableOpener

__all__ = ["FaceParts", "all_parts"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FaceParts:
    """The parts of one symbol, or of a whole market with its first symbol in front."""

    session: MarketSession
    manager: ManagerParts
    data: RealtimeDataManager
    sync_data: SyncDataManager
    newest: NewestValues
    files: BarFiles
    awaited_events: AwaitedEvents
    plain_events: PlainEvents
    connection: ConnectionView
    alerts: AlertSetter
    charts: ChartOpener
    saver: MarketSaver
    tables: TableOpener

    def for_all(self) -> FaceParts:
        """Return the parts of the whole market: this symbol's, and what is of all symbols."""
        session, symbols = self.session, self.session.symbols
        return dataclasses.replace(
            self,
            manager=dataclasses.replace(self.manager, bars=BarAccess(self.manager.market, symbols[1:])),
            awaited_events=AwaitedEvents(session, None),
            plain_events=PlainEvents(session, None),
            connection=ConnectionView(session, symbols[0], symbols),
            alerts=AlertSetter(session, symbols),
            tables=TableOpener(session, symbols[0], symbols),
            files=BarFiles(self.manager, [_files_of(session, symbol) for symbol in symbols[1:]]),
            saver=self.saver.of(symbols),
        )


def _files_of(session: MarketSession, symbol: str) -> BarFiles:
    return BarFiles(ManagerParts.of(session.market(symbol)))


def all_parts(session: MarketSession) -> dict[str, FaceParts]:
    """Return the parts of every symbol of a session that was started."""
    managers = {symbol: ManagerParts.of(session.market(symbol)) for symbol in session.symbols}
    plain = {symbol: SyncDataManager(parts) for symbol, parts in managers.items()}
    charts = charts_of(session)
    return {
        symbol: FaceParts(
            session=session,
            manager=parts,
            data=RealtimeDataManager(parts),
            sync_data=plain[symbol],
            newest=NewestValues(parts.market),
            files=BarFiles(parts),
            awaited_events=AwaitedEvents(session, symbol),
            plain_events=PlainEvents(session, symbol),
            connection=ConnectionView(session, symbol, [symbol]),
            alerts=AlertSetter(session, [symbol]),
            charts=ChartOpener(plain, symbol, charts),
            saver=MarketSaver(session, [symbol], charts),
            tables=TableOpener(session, symbol, [symbol]),
        )
        for symbol, parts in managers.items()
    }
