"""The order book over time: what waited at each price, drawn as colour, beside the ladder."""
