"""The command line: one module a subcommand. It parses, calls the API, picks a renderer and gives the exit status."""
