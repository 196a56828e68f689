"""Views: load with access, parse, one call, answer."""
