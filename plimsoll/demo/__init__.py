"""A venue lives through a scenario on a local chain, and everything it does is written down."""
