"""Changing the registry: labels and who holds them, columns."""
