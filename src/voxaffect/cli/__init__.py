"""What the commands do: settings in, calls to the rooms below, tables and progress out."""
