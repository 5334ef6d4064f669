"""A recognizer as a service over HTTP and WebSocket, and its web page; needs the extra `serve`."""
