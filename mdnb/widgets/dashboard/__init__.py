"""Several charts side by side, with alignment and status."""
