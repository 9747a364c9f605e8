"""Bars: a cascade of timeframes fed from the finest, and activity bars. Pure: no clock, no thread."""
