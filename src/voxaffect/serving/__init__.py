"""A recognizer as a service over HTTP and WebSocket, and the page it serves.

All of this room needs the extra `serve`; only `voxaffect.commands.serving` opens its door.
"""
