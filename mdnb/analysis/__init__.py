"""Trend of each timeframe, and how far the timeframes agree: numbers from closed bars, numpy only."""
