"""Live charts, tables, dashboards and depth heat maps, and pictures of them for pages without a kernel."""
