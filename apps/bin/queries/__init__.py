"""Reading the bin: what is in it, and what a deletion would bring about."""
