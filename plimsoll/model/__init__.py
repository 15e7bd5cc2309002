"""The reference model: the whole protocol in plain Python, eager and per account."""
