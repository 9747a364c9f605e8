"""Live tables: time and sales, order book ladder, watch list, and the live frame."""
