"""The operations, one module for each noun. Importing a module binds its operations."""
