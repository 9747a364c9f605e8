"""Linking charts: those of one group share crosshair and zoom in the page."""

from __future__ import annotations

from typing import Any

from mdnb.errors import OptionError
from mdnb.widgets.chart.core import ChartCore

__all__ = ["Linking"]


class Linking:
    """Links a chart with others; `mdnb.widgets.chart.chart.LiveChart` has these methods.

    What is shared is the business of the page: ``static/chart/linking.js``.
    """

    def __init__(self, core: ChartCore) -> None:
        self._core = core
        self._state = core.state

    def link(self, group: str, *, zoom: bool = True, crosshair: bool = True) -> None:
        """Share crosshair and zoom with the charts of a group that are in the same page.

        They are shared by time: on another timeframe the crosshair stands on the bar that holds the time, and
        the same stretch of time is shown, by at least 30 bars. It happens in the page and so works while a
        cell runs. A chart is in one group at most.

        Parameters
        ----------
        group
            Any name; charts of one kernel that are given the same one are linked.
        zoom
            Share range, and whether the newest bar is followed.
        crosshair
            Share the crosshair, between charts of one symbol its price too.

        Raises
        ------
        OptionError
            When the group has no name, nothing is shared, or the chart has plotly's own front end.
        """
        if not isinstance(group, str) or not group:
            raise OptionError(f"a group of linked charts needs a name, such as 'desk'; got {group!r}")
        for name, given in (("zoom", zoom), ("crosshair", crosshair)):
            if not isinstance(given, bool):
                raise OptionError(f"{name} must be True or False; got {given!r}")
        if not zoom and not crosshair:
            raise OptionError("zoom=False and crosshair=False share nothing; unlink() ends a link")
        if not self._core.transport.links:
            raise OptionError("charts with frontend='stock' cannot be linked; leave the option out")
        self._set_link({"group": group, "zoom": zoom, "crosshair": crosshair})

    def unlink(self) -> None:
        """Unlink the chart; one that is not linked stays as it is."""
        if self._state.link is not None:
            self._set_link(None)

    def _set_link(self, link: dict[str, Any] | None) -> None:
        with self._state.lock:
            self._state.link = link
            self._core.figure.send({"kind": "link", "link": link})
