"""Setting price alerts: ``live.alert()`` and ``suite.alert()``."""

from __future__ import annotations

from collections.abc import Sequence

from mdnb.events.subscription import handling
from mdnb.events.types import EventType
from mdnb.runtime.live.price_alerts import Alert
from mdnb.runtime.process.cell_things import cell_things
from mdnb.runtime.session import MarketSession

__all__ = ["AlertSetter"]


class AlertSetter:
    """Sets and lists alerts.

    Parameters
    ----------
    session
        Whose market.
    symbols
        Whose alerts are listed; the first one is meant where none is named.
    """

    def __init__(self, session: MarketSession, symbols: Sequence[str]) -> None:
        self._session = session
        self._symbols = tuple(symbols)

    def alert(
        self,
        price: float | None = None,
        *,
        above: float | None = None,
        below: float | None = None,
        event: EventType | str | None = None,
        message: str | None = None,
        once: bool = True,
        symbol: str | None = None,
    ) -> Alert:
        """Set an alert: when it fires, `EventType.ALERT` is emitted; charts draw it.

        It is decided on each trade, not on what is drawn: a price that is crossed and left again within a
        batch fires. From a trade at ``a`` to the next at ``b`` a price is crossed upwards where
        ``a < price <= b`` and downwards where ``a > price >= b``; an alert set at the price of the last trade
        fires with the first trade beyond. Where bars are built from quotes, or come from the feed, those
        count as trades. In a notebook, a cell that runs again cancels the alerts that it set before.

        Parameters
        ----------
        price
            Fires when it is crossed, either way.
        above, below
            Fires when the price is crossed upwards, or downwards.
        event
            Fires when an event of this type is emitted, any but ``ALERT``.
        message
            What the event and the chart say, at most 500 letters; default the symbol and the price.
        once
            It is over when it has fired; False fires again with each crossing.
        symbol
            One that is followed; default this one.

        Returns
        -------
        Alert
            With `Alert.cancel`, and how often and when it fired.

        Raises
        ------
        OptionError
            When not exactly one of ``price``, ``above``, ``below`` and ``event`` is given, or an option is
            outside what is allowed.
        SymbolError
            When the symbol is not followed.
        ClosedError
            When the market was closed.

        Examples
        --------
        >>> import mdnb
        >>> with mdnb.live("MNQ", ["1min"], initial_days=0.1) as market:
        ...     alert = market.alert(above=market.price + 5_000, message="far up")
        ...     alert.direction, alert.active, alert.fired, len(market.alerts())
        ('above', True, 0, 1)
        """
        market = self._session.market(symbol if symbol is not None else self._symbols[0])
        made = market.engine.alerts.add(
            price, above=above, below=below, event=event, message=message, once=once
        )
        cell_things().add(made, handling.get())
        self._session.warn_if_late(f"the alert {made.message!r}")
        return made

    def alerts(self, symbol: str | None = None) -> list[Alert]:
        """Return the alerts that were set and not cancelled: for each symbol those that can fire come first.

        Of those that are over the newest 100 of a symbol are kept.

        Parameters
        ----------
        symbol
            Only those on this one.

        Raises
        ------
        SymbolError
            When the symbol is not followed.
        """
        chosen = self._symbols if symbol is None else (symbol,)
        return [alert for each in chosen for alert in self._session.market(each).engine.alerts.listed()]
