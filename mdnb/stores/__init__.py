"""Columnar stores of bars and ticks: bounded, contiguous, cheap to append to and to slice."""
