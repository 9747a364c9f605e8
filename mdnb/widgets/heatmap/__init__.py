"""The order book over time as a heat map of resting size, beside the ladder."""
