"""Programs over the plimsoll package: `python -m scripts.NAME` or `brownie run NAME`."""
