"""Threads and event loops of this process, and calls between them."""
