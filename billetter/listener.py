"""The listening socket: bound to an address or a path, or passed on by systemd.

Raises StartError, one sentence, for what cannot be listened on, or must not be.
"""

import errno
import ipaddress
import os
import socket
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from billetter.settings import Settings

BACKLOG: Final = 4096
"""Connections that may wait to be accepted; the system's own limit (somaxconn) holds as well."""
PASSED_FIRST: Final = 3
"""The first descriptor that systemd passes: sd_listen_fds(3)."""
TAKEN_S: Final = 3.0
"""Seconds for which a taken address is tried again: workers whose parent was killed just now give
it free within a few tenths."""
TAKEN_LOOK_S: Final = 0.05


class StartError(Exception):
    """Billetter cannot start. The message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket. path: of a socket in the file system that is removed with it."""

    socket: socket.socket
    path: Path | None = None

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port, or the path of a Unix socket and None."""
        name = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            return os.fsdecode(name), None
        return name[0], name[1]

    def close(self) -> None:
        """Refuse newcomers, here and in every process that closes its copy."""
        self.socket.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def listen(settings: Settings) -> Listener:
    """The socket to serve: systemd's if it passed one, else `uds`, else `host` and `port`."""
    if passed := _passed(os.environ):
        return _allowed(settings, passed)
    if settings.uds is not None:
        return Listener(_listen_at(settings.uds), settings.uds)
    return Listener(_listen_on(settings))


def _passed(environment: Mapping[str, str]) -> socket.socket | None:
    """The socket that systemd has opened for this process, if it has."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = environment.get("LISTEN_FDS", "")
    if count != "1":
        raise StartError(f"systemd passed {count or 'no'} sockets (LISTEN_FDS), and one is served.")
    try:
        passed = socket.socket(fileno=PASSED_FIRST)
        listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise StartError(f"the socket of systemd cannot be used: {error.strerror}.") from None
    if not listens or passed.type != socket.SOCK_STREAM:
        raise StartError("the socket of systemd does not listen for streams (ListenStream=).")
    return passed


def _listen_on(settings: Settings) -> socket.socket:
    where = f"{settings.host} port {settings.port}"
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise StartError(f"--host (BILLETTER_HOST) {settings.host!r} is no address.") from None
    # A name such as localhost has both kinds of address, and every client tries IPv4.
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    _refuse_strangers(settings, where, str(address[0]))
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _bound(listener, f"{where} (--host, --port)", lambda: listener.bind(address))


def _listen_at(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)

    def bind() -> None:
        _remove_stale(path)
        listener.bind(os.fspath(path))
        # Who may connect is for the directory to say, as with other servers behind a proxy.
        path.chmod(0o666)

    return _bound(listener, f"{path} (--uds)", bind)


def _bound(listener: socket.socket, where: str, bind: Callable[[], None]) -> socket.socket:
    give_up = time.monotonic() + TAKEN_S
    while True:
        try:
            bind()
            listener.listen(BACKLOG)
            return listener
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < give_up:
                time.sleep(TAKEN_LOOK_S)
                continue
            listener.close()
            reason = error.strerror or str(error)
            raise StartError(f"cannot listen on {where}: {reason}.") from None


def _remove_stale(path: Path) -> None:
    """Remove a socket on which nobody listens any more. OSError: somebody does, or it is none."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _allowed(settings: Settings, passed: socket.socket) -> Listener:
    """The listener, unless its address is one that must not be served in open mode."""
    listener = Listener(passed)
    host, port = listener.address
    if port is not None:
        _refuse_strangers(settings, f"{host} port {port}", host)
    return listener


def _refuse_strangers(settings: Settings, where: str, address: str) -> None:
    guests = settings.auth == "open" and not settings.allow_public
    if guests and not ipaddress.ip_address(address).is_loopback:
        raise StartError(
            f"{where} is not a loopback address, and whoever reaches it could act as the shared"
            " guest: set BILLETTER_AUTH=required, with a BILLETTER_SECRET, or else"
            " BILLETTER_ALLOW_PUBLIC=1 if that is meant."
        )
