"""Threads and loops of this process, and the calls that cross them."""
