"""Command line: one module per command, or per group of commands that share code."""
