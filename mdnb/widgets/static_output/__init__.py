"""Pictures for pages without a kernel."""
