"""What documents can change. Importing a module declares them; each part has its line here."""
