"""Bars as plotly traces and layout."""
