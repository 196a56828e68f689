"""Runs that were logged elsewhere, or offline, taken in from folders."""
