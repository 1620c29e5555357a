"""The command line: one file a command. `main` knows their names and loads only the one that is asked for."""
