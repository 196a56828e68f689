"""Forms: what a person types, checked for its shape. What it means is the services' to judge."""
