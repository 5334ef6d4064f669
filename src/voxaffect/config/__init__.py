"""Settings files: TOML to checked, frozen settings and the objects that they name."""
