"""Features on disk: shards, their index, and the work that fills them."""
