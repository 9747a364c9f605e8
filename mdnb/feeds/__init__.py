"""Feeds: one adapter a venue, from a connection to raw frames. `mdnb.feeds.registry` finds one by name."""
