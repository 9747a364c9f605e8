"""What several timeframes say together, from closed bars only."""
