"""Where visitors come in; imports nothing heavy, so that a port in use is told at once."""

import socket

from clfer.errors import InputError


def listening(host: str, port: int) -> socket.socket:
    """A socket that visitors can reach from now on; any free port if that is 0. InputError where
    the address can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0].lower()
        raise InputError(
            f"--host {host} --port {port}: expected an address of this machine and a free port, "
            f"found: {reason}; name another port by --port"
        ) from error
