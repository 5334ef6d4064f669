"""Settings: names become objects here, once; below, nobody reads files or the environment."""
