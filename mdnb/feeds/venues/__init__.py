"""Adapters of venues, one file each."""
