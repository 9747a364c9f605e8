"""A venue of one's own for mdnb."""
