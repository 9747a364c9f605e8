"""Sets one symbol's times back, where the clock by which they were noted is found to have been ahead."""

from __future__ import annotations

from mdnb.runtime.live.pipeline import Pipeline

__all__ = ["set_back"]

_NS_PER_US = 1000


def set_back(pipeline: Pipeline, by_ns: int) -> None:
    """Let all that was noted of a symbol so far by the market's time have been so much earlier.

    What was noted before anything was read here, such as what files and stores tell, was noted by others, and
    stays as it is.

    Parameters
    ----------
    by_ns
        How far the clock was ahead, in nanoseconds.
    """
    engine = pipeline.engine
    with engine.lock:
        closing = engine.cascade.closing
        since_us, before_ns = closing.began_ns // _NS_PER_US, closing.now_ns
        closing.set_back(by_ns)
        if since_us:
            by_us = (before_ns - closing.now_ns) // _NS_PER_US
            for name in engine.all_names():
                engine.log(name).set_back(since_us, by_us)
            for overflow in engine.overflow.values():
                overflow.set_back(since_us, by_us)
        pipeline.live_since_ns -= by_ns
        # What was not told by a trade the clock has told.
        newest_ns = -1 if engine.last_trade is None else engine.last_trade[0]
        pipeline.gaps.set_back(newest_ns, by_ns)
        for at, span in enumerate(engine.lost):
            low_ns, high_ns = (ns - by_ns if ns > newest_ns else ns for ns in span)
            engine.lost[at] = low_ns, max(low_ns, high_ns)
        if pipeline.outage_ns is not None and pipeline.outage_ns > newest_ns:
            pipeline.outage_ns -= by_ns
        if pipeline.back_ns is not None:
            pipeline.back_ns -= by_ns
        engine.updates += 1
    if pipeline.on_set_back is not None:
        pipeline.on_set_back(by_ns)
