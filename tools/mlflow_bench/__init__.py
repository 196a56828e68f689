"""Our server and others of the same protocol, on one PostgreSQL, asked the same in turns."""
