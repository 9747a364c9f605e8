"""Data older than the live stream: history at the start, outages, imports."""
