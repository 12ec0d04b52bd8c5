"""From a URL to the wire that carries calls there, and to the facts about the server behind it.

redis://[user:password@]host[:port][/db]    rediss:// the same over TLS
unix://[user:password@]/path[?db=n]         fake://[name] fakeredis in this process
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast
from urllib.parse import urlsplit

import redis
from redis.asyncio.connection import SSLConnection, parse_url

from billetter.wire.errors import Rejected
from billetter.wire.fake import FAKE_VERSION, FakeLane
from billetter.wire.lane import Argument, Connect, Lane
from billetter.wire.link import Reply

OLDEST = (6, 2)
KEEPS_ALL = "noeviction"
"""The one maxmemory-policy under which no booking is thrown away."""
SEND_BYTES = 4 * 2**20
OPTIONS = frozenset({"client_name", "db", "host", "password", "path", "port", "username"})

Durability = Literal["memory", "everysec", "fsync"]
Kind = Literal["standalone", "replica", "cluster", "sentinel"]


class Wire(Protocol):
    """What carries commands to Redis; Lane and FakeLane say what may fail and how.

    Calls are run in the order in which they are made, whoever awaits them, and when.
    """

    async def start(self) -> None: ...

    def call(self, *args: Argument) -> Awaitable[Reply]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class ServerFacts:
    """What a server says about itself.

    version: of Valkey where `valkey`, else of Redis, like (7, 0, 15).
    durability: what an acknowledged write survives: "fsync" a power cut; "everysec" the end of the
        process (unless the disk lags behind), a power cut less a second or two; "memory" neither.
    policy: its maxmemory-policy, None where it does not tell.
    script_flags: scripts may begin with a line like "#!lua flags=no-writes".
    address: its URL without user and password.
    """

    version: tuple[int, ...]
    valkey: bool
    durability: Durability
    policy: str | None
    kind: Kind
    script_flags: bool
    address: str


def open_wire(url: str, *, deadline_s: float = 2.0, in_flight_max: int = 32_768) -> Wire:
    """The wire to the server at `url`, to be started and closed by the caller.

    Raises ValueError, without repeating the URL, when it is not one of those above.
    """
    if _is_fake(url):
        return FakeLane(urlsplit(url).netloc, in_flight_max=in_flight_max)
    options = _options(url)
    return Lane(
        _connector(options), _handshake(options), deadline_s=deadline_s, in_flight_max=in_flight_max
    )


async def inspect(url: str, *, deadline_s: float = 2.0) -> ServerFacts:
    """Ask the server at `url` about itself; ValueError as open_wire, WireError as Lane."""
    wire = open_wire(url, deadline_s=deadline_s)
    try:
        await wire.start()
        return await facts(wire, url if _is_fake(url) else _address(_options(url)))
    finally:
        await wire.close()


async def facts(wire: Wire, address: str = "") -> ServerFacts:
    """Ask the server behind an open wire about itself; address: what to call it. WireError."""
    if isinstance(wire, FakeLane):
        await wire.call("PING")
        return ServerFacts(
            FAKE_VERSION, False, "memory", "noeviction", "standalone", False, address
        )
    info = _fields(await wire.call("INFO"))
    try:
        config = _pairs(await wire.call("CONFIG", "GET", "*append*"))
    except Rejected:
        config = {}  # Managed servers forbid CONFIG.
    return _facts(info, config, address)


def objection(facts: ServerFacts) -> str | None:
    """Why Billetter cannot work on this server, as one sentence; None if it can."""
    server = f"{'Valkey' if facts.valkey else 'Redis'} at {facts.address}"
    if facts.version < OLDEST:
        version = ".".join(map(str, facts.version))
        return f"{server} has version {version}; Billetter needs Redis 6.2 or newer, or Valkey."
    if facts.kind != "standalone":
        return f"{server} is a {facts.kind}; Billetter needs the address of a standalone master."
    if facts.policy not in (None, KEEPS_ALL):
        # The volatile-* policies too: holds are keys with a TTL.
        return (
            f"{server} throws keys away when its memory is full (maxmemory-policy {facts.policy}),"
            f" and bookings with them; set it to {KEEPS_ALL}."
        )
    return None


def _is_fake(url: str) -> bool:
    return url.startswith("fake://")


def _options(url: str) -> dict[str, Any]:
    """The URL's parts under redis-py's names; "ssl" holds the TLS context of a rediss:// one."""
    wrong = ValueError(
        "The Redis URL must look like redis://[user:password@]host[:port][/db], rediss:// the same,"
        " or unix://[user:password@]/path[?db=n]; write special characters of a password as %XX."
    )
    try:
        options: dict[str, Any] = dict(parse_url(url))
        path = urlsplit(url).path.strip("/")
    except ValueError:
        raise wrong from None  # Its text may hold a piece of the password.
    connection_class = options.pop("connection_class", None)
    if connection_class is SSLConnection:
        tls = {name: options.pop(name) for name in list(options) if name.startswith("ssl_")}
        options["ssl"] = _tls(tls)
    if ("path" not in options) if url.startswith("unix:") else (path and "db" not in options):
        raise wrong
    if not options.keys() <= OPTIONS | {"ssl"}:
        raise ValueError(
            "The Redis URL has an option that is not known here; known are db, username, password,"
            " client_name and, with rediss://, redis-py's ssl_ options."
        )
    return options


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext:
    """redis-py's own reading of its ssl_ options; without any, the system's authorities count."""
    try:
        return SSLConnection(**options).ssl_context.get()
    except (redis.RedisError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"The ssl_ options of the Redis URL cannot be used: {error}") from None


def _connector(options: Mapping[str, Any]) -> Connect:
    async def connect(protocol_factory: Callable[[], asyncio.Protocol]) -> object:
        loop = asyncio.get_running_loop()
        if path := options.get("path"):
            transport, _ = await loop.create_unix_connection(protocol_factory, path)
        else:
            transport, _ = await loop.create_connection(
                protocol_factory, *_host_and_port(options), ssl=options.get("ssl")
            )
        _widen(transport)
        return transport

    return connect


def _widen(transport: asyncio.WriteTransport) -> None:
    """Make room for what ten thousand clients ask for in one turn of the loop: some megabytes.

    The usual 200 KB take that many turns to empty, while Redis idles. Linux grants what its
    net.core.wmem_max allows.
    """
    carrier = transport.get_extra_info("socket")
    carrier.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    transport.set_write_buffer_limits(high=2 * SEND_BYTES)


def _handshake(options: Mapping[str, Any]) -> list[tuple[Argument, ...]]:
    commands: list[tuple[Argument, ...]] = []
    if "username" in options:
        commands.append(("AUTH", options["username"], options.get("password", "")))
    elif "password" in options:
        commands.append(("AUTH", options["password"]))
    if "db" in options:
        commands.append(("SELECT", options["db"]))
    if "client_name" in options:
        commands.append(("CLIENT", "SETNAME", options["client_name"]))
    return [*commands, ("PING",)]


def _address(options: Mapping[str, Any]) -> str:
    db = options.get("db", 0)
    if path := options.get("path"):
        return f"unix://{path}?db={db}"
    host, port = _host_and_port(options)
    host = f"[{host}]" if ":" in host else host
    return f"{'rediss' if 'ssl' in options else 'redis'}://{host}:{port}/{db}"


def _host_and_port(options: Mapping[str, Any]) -> tuple[str, int]:
    return options.get("host", "localhost"), options.get("port", 6379)


def _fields(info: Reply) -> dict[str, str]:
    lines = cast(bytes, info).decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _pairs(config: Reply) -> dict[str, str]:
    words = [word.decode() for word in cast(list[bytes], config)]
    return dict(zip(words[::2], words[1::2], strict=True))


def _facts(info: Mapping[str, str], config: Mapping[str, str], address: str) -> ServerFacts:
    valkey = "valkey_version" in info
    numbers = re.findall(r"\d+", info["valkey_version" if valkey else "redis_version"])
    version = tuple(map(int, numbers[:3]))
    return ServerFacts(
        version=version,
        valkey=valkey,
        durability=_durability(info, config),
        policy=info.get("maxmemory_policy"),
        kind=_kind(info),
        script_flags=version >= (7, 0),
        address=address,
    )


def _kind(info: Mapping[str, str]) -> Kind:
    if info.get("role") == "slave":
        return "replica"
    modes: dict[str | None, Kind] = {"cluster": "cluster", "sentinel": "sentinel"}
    return modes.get(info.get("redis_mode", info.get("server_mode")), "standalone")


def _durability(info: Mapping[str, str], config: Mapping[str, str]) -> Durability:
    if info.get("aof_enabled") != "1":
        return "memory"  # Snapshots alone may be minutes old.
    # INFO does not tell how often the file is synced; every second is what Redis comes with.
    fsync = config.get("appendfsync", "everysec")
    if fsync == "no":
        return "memory"
    # With that option nothing is synced while the file is rewritten.
    steady = config.get("no-appendfsync-on-rewrite") == "no"
    return "fsync" if fsync == "always" and steady else "everysec"
