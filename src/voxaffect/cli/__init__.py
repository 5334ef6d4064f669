"""The command line: one file a command, its Typer function beside the work."""
