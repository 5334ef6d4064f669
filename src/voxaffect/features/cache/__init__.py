"""On-disk feature store: shards, their index, and the computation that fills them."""
