"""Notebook-only parts: magics, the demo, a self-check, and nested event loops on request."""
