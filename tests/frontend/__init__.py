"""Checks of the JavaScript under ``mdnb/widgets/static``: lint, types, and unit tests without a browser."""
