"""The status of a running market as text and as an HTML card, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from mdnb.clock import clock_sentence
from mdnb.number_format import price_text
from mdnb.runtime.live.accounting import Accounting, counted
from mdnb.runtime.live.health import Health
from mdnb.runtime.live.kept_faults import DataFault
from mdnb.sync_manager import SyncDataManager

__all__ = ["status_html", "status_text"]

_COLOURS = {"connected": "#1a7f37", "reconnected": "#1a7f37", "closed": "#6e7781"}
_WAITING = "#bf8700"

_Rows = list[tuple[str, str]]


def _connection(health: Health, feed: str) -> _Rows:
    latency = health.latency_ms()
    rows = [("feed", feed)] if feed else []
    rows.append(("connection", health.status + (f" ({health.detail})" if health.detail else "")))
    rows.append(("uptime", f"{health.uptime_percent():.1f} %, {health.disconnects} disconnects"))
    rows.append(("latency", "no data yet" if latency != latency else f"{latency:.1f} ms"))  # nan
    silent = health.seconds_since_data()
    rows.append(("last data", "none yet" if silent == float("inf") else f"{silent:.1f} s ago"))
    return rows


def _counters(data: SyncDataManager, told: Sequence[str]) -> _Rows:
    stats, memory, taken = data.get_stats(), data.get_memory_stats(), data.get_accounting()
    elsewhere = {
        "duplicate": taken.duplicate,
        "rejected": taken.rejected_total,
        "late": taken.late_dropped,
        "held back": taken.held_back,
        "outside the session": taken.outside_session,
        "lost to a failure": taken.failed,
    }
    lost = ", ".join(f"{count:,} {name}" for name, count in elsewhere.items() if count)
    quality = (
        f"{stats.data_quality_score:.1f} (complete {stats.completeness:.1f} %, fresh {stats.freshness:.0%},"
        f" rejected {stats.rejected_share:.2%}, late {stats.late_share:.2%},"
        f" malformed {stats.malformed_share:.2%})"
    )
    malformed = data.get_validation_errors(1, "malformed")
    refused = [] if stats.freshness else data.get_validation_errors(1, "all_refused")
    odd = data.get_validation_errors(1, "odd_trade_id")
    unused = data.get_validation_errors(1, "unused_bars")
    kept = (data.get_validation_errors(1, kind) for kind in ("written_bars", "future_bars", "off_grid_bars"))
    left = stats.gaps - stats.gaps_repaired - stats.gaps_repairing
    states = {"repaired": stats.gaps_repaired, "being repaired": stats.gaps_repairing, "lost": left}
    gaps = ", ".join([f"{stats.gaps}", *(f"{count} {state}" for state, count in states.items() if count)])
    waiting = f"; {taken.waiting:,} wait for those before them" if taken.waiting else ""
    wrong = clock_sentence(stats.clock_offset_ms / 1e3)
    lacking = ", ".join(_lacking(data))
    disk = f", {memory.disk_usage_mb:.2f} MB on disk" if memory.bars_on_disk or data.engine.overflow else ""
    return [
        *([("clock", wrong)] if wrong else []),
        *(("trouble", sentence) for sentence in stats.troubles if sentence not in told),
        ("quality", quality),
        (
            "trades",
            f"{taken.received:,} received, {taken.in_bars:,} in bars"
            + (f"; {lost}" if lost else "")
            + waiting,
        ),
        *([("quotes", _odd_quotes(taken))] if taken.quotes_rejected or taken.quotes_crossed else []),
        *([("book", f"{taken.depth_refused:,} levels refused")] if taken.depth_refused else []),
        *([("malformed", _malformed(taken, malformed[0]))] if malformed else []),
        *([("others", _others(data, taken))] if taken.other_symbols else []),
        *([("own bars", unused[0].description)] if unused else []),
        *([("refused", refused[0].description)] if refused else []),
        *([("trade ids", odd[0].description)] if odd else []),
        *(("store", one.description) for found in kept for one in found),
        ("gaps", gaps if stats.gaps else "none"),
        *([("history", f"missing: {lacking}")] if lacking else []),
        (
            "memory",
            f"{memory.memory_usage_mb:.2f} MB: {memory.total_bars:,} bars, {memory.total_ticks:,} ticks"
            + disk,
        ),
    ]


def _odd_quotes(taken: Accounting) -> str:
    odd = {"refused": sum(taken.quotes_rejected.values()), "with the bid above the ask": taken.quotes_crossed}
    parts = [f"{count:,} {what}" for what, count in odd.items() if count]
    return f"{taken.quotes:,} received; {', '.join(parts)}"


def _malformed(taken: Accounting, last: DataFault) -> str:
    return f"{taken.malformed:,} in {taken.frames:,} frames; {last.description}"


def _others(data: SyncDataManager, taken: Accounting) -> str:
    told = data.get_validation_errors(1, "other_symbols")
    total = f"{taken.other_symbols_total:,} records"
    if told:
        return f"{told[0].description} ({total} so far)"
    return f"{total} of symbols that nobody follows: {counted(taken.other_symbols)}"


def _lacking(data: SyncDataManager) -> list[str]:
    with data.engine.lock:
        # In one go: another thread may remove a timeframe.
        short = {name: data.get_timeframe_stats(name).history_missing_days for name in data.get_timeframes()}
    return [f"{name} {days:.3g} days" for name, days in short.items() if days]


def _timeframes(data: SyncDataManager) -> list[tuple[str, str, str, str]]:
    rows = []
    places = data.engine.instrument.decimals
    with data.engine.lock:
        # In one go: another thread may remove a timeframe.
        for name in data.get_timeframes():
            stats = data.get_timeframe_stats(name)
            row = data.engine.forming(name)
            close = "–" if row is None else price_text(row[4], places)
            rows.append((name, f"{stats.bars_in_memory:,}", f"{stats.completeness:.1f} %", close))
    return rows


def _handlers(troubles: Sequence[str]) -> _Rows:
    return [("handler", text) for text in troubles]


def status_text(
    title: str,
    health: Health,
    managers: Iterable[SyncDataManager],
    troubles: Sequence[str] = (),
    feed: str = "",
) -> str:
    """Return the status as plain text.

    Parameters
    ----------
    troubles
        A sentence for each handler that has some.
    feed
        Whose data it is; empty where that is not known.
    """
    rows = [*_connection(health, feed), *_handlers(troubles)]
    lines = [title, *(f"  {name:<11} {text}" for name, text in rows)]
    for data in managers:
        lines.append(f"  {data.symbol}")
        if data.closed:
            continue
        lines += [f"    {name:<9} {text}" for name, text in _counters(data, troubles)]
        lines += [f"    {' | '.join(row)}" for row in _timeframes(data)]
    return "\n".join(lines)


def status_html(
    title: str,
    health: Health,
    managers: Sequence[SyncDataManager],
    troubles: Sequence[str] = (),
    feed: str = "",
) -> str:
    """Return the status as an HTML card; it needs no style sheet and follows the page's colours."""
    colour = _COLOURS.get(health.status, _WAITING)
    dot = f'<span style="color:{colour}" aria-hidden="true">●</span>'
    parts = [
        '<div style="border:1px solid currentColor;border-radius:6px;padding:8px 12px;display:inline-block">',
        f"<div>{dot} <strong>{html.escape(title)}</strong></div>",
        _table([*_connection(health, feed), *_handlers(troubles)]),
    ]
    for data in managers:
        parts.append(f'<div style="margin-top:6px"><strong>{html.escape(data.symbol)}</strong></div>')
        if not data.closed:
            parts.append(_table(_counters(data, troubles)))
            parts.append(_table(_timeframes(data), ("timeframe", "bars", "complete", "forming close")))
    return "".join([*parts, "</div>"])


def _table(rows: Iterable[Sequence[str]], head: Sequence[str] = ()) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        style = "text-align:left;padding:1px 12px 1px 0;font-weight:normal"
        return "".join(f'<{tag} style="{style}">{html.escape(cell)}</{tag}>' for cell in row)

    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table>{top}<tbody>{body}</tbody></table>"
