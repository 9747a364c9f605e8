"""What the awaited and the plain face of a market have in common."""
