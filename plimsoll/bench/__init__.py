"""Gas and size of the deployed contracts, measured from receipts on a local chain."""
