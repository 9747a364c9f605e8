"""What every widget shares: theme, refresh thread, page assets, when to display what."""
