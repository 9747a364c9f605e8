"""Bars: a cascade of timeframes fed from the finest, activity bars, and their rules. Pure: no clock, no thread."""
