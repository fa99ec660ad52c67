"""What a local run on a user's own data chooses by what it finds, and the table that says so."""
