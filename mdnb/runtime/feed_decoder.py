"""The decoder of a feed: its own, or that of its dialect; symbols named as they were asked for."""

from __future__ import annotations

from mdnb.decode import decoder
from mdnb.decode.renaming import RenamingDecoder
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
    # Most have the names they are asked for by; one that has others may know them once it is opened.
    return made if feed.names is Feed.names else RenamingDecoder(made, feed.names)
