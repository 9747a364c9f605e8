"""Controls beside a chart."""
