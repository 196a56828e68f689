"""Reading the registry: labels and their holders, columns, the status table."""
