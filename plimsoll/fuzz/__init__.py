"""Random runs of the reference model and the contracts side by side."""
