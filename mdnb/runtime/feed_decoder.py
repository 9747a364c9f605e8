"""The decoder of a feed: its own, or that of its dialect; symbols named as they were asked for."""

from __future__ import annotations

from mdnb.decode import decoder
from mdnb.decode.renaming import RenamingDecoder, RollingDecoder
from mdnb.feeds.base import Feed
from mdnb.rows import Decoder

__all__ = ["decoder_of"]


def decoder_of(feed: Feed) -> Decoder:
    """Return a new decoder of a feed's frames.

    Raises
    ------
    FeedError
        When nothing understands its dialect.
    """
    made = feed.decoder() or decoder(feed.dialect)
    if feed.playback is not None and isinstance(feed.names, dict):
        # Of a recording the names change where a symbol went over to another contract.
        return RollingDecoder(RenamingDecoder(made, feed.names), feed.names)
    # Most have the names they are asked for by; one that has others may know them once it is opened.
    return made if feed.names is Feed.names else RenamingDecoder(made, feed.names)
