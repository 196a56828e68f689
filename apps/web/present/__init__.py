"""What pages show, worked out in Python: templates place words and make no decisions about them."""
