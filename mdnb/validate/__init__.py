"""Checks on ticks, quotes and bars: they flag and count, and never delete silently."""
