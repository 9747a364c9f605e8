"""Parts shared by all widgets: theme, refresh thread, page assets, display policy."""
