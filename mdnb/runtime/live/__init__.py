"""Live data of one symbol: batches in, bars and events out."""
