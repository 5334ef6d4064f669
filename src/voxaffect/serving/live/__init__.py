"""A live stream over a WebSocket: what comes, how it is heard, what is said."""
