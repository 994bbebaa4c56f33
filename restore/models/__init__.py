"""Networks and the weights format."""
