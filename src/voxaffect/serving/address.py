"""Where a service listens."""

from __future__ import annotations

import socket

from voxaffect.errors import ServingError
from voxaffect.serving.settings import ServingSettings


def listen_at(settings: ServingSettings, *, shared: bool = False) -> socket.socket:
    """Take the address.

    Args:
        settings: have it.
        shared: whether other processes of this user may take it, too, and get some connections.

    Raises:
        ServingError: it is not to be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            taken.bind(address)
        except OSError:
            taken.close()
            raise
    except OSError as fault:
        raise ServingError(
            f"{settings.host}:{settings.port} is not to be had ({fault.strerror}); "
            "choose another with --host and --port"
        ) from fault
    return taken
