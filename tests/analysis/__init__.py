"""Tests of `mdnb.analysis`."""
