"""What is said of a server that has just started."""

import ipaddress
import shlex
from typing import Final

from billetter import __version__
from billetter.domain.network import parse_hosts
from billetter.server import INSTALL, Running
from billetter.settings import Settings
from billetter.wire.topology import ServerFacts

MODES: Final = {
    "open": "open: whoever reaches this address may do everything, without credentials"
    " (BILLETTER_AUTH)",
    "required": "required: only events and seats are shown without credentials (BILLETTER_AUTH)",
}
DURABILITY: Final = {
    "fsync": "an answer of 200 is on disk (appendfsync always)",
    "everysec": "a power cut may lose the last second; appendfsync always loses nothing",
    "memory": "MEMORY ONLY: ALL BOOKINGS ARE LOST WHEN REDIS ENDS; set appendonly yes",
}


def welcome(settings: Settings, running: Running) -> str:
    """What to know of a server that has just started, and what to try."""
    workers = f"{settings.workers} worker{'s' if settings.workers > 1 else ''}"
    data_id = f"\n  data id     {running.data_id}" if running.data_id else ""
    return f"""\
Billetter {__version__} listens on {_url(running.host, running.port)} ({workers})
  mode        {MODES[settings.auth]}
  hosts       {_hosts(settings)}
  redis       {_redis(running)}
  durability  {_durability(running.facts)}
  data        {running.embedded.data if running.embedded else "where that Redis keeps it"}{data_id}

{_try(settings.demo, running)}

Ctrl-C ends it."""


def _url(host: str, port: int | None) -> str:
    if port is None:
        return f"unix:{host}"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _hosts(settings: Settings) -> str:
    """For which host names it answers."""
    named = ", ".join(parse_hosts(settings.hosts or ""))
    if settings.auth == "required" and not named:
        return "any name (BILLETTER_HOSTS narrows that)"
    more = f", {named}" if named else " (BILLETTER_HOSTS adds others)"
    return f"this machine's own names, addresses{more}"


def _redis(running: Running) -> str:
    facts, own = running.facts, running.embedded
    if _is_fake(facts):
        return "none: fakeredis, inside the worker"
    version = ".".join(map(str, facts.version))
    name = f"{'Valkey' if facts.valkey else 'Redis'} {version} at {facts.address}"
    if not own:
        return name
    return f"{name}, {'found running' if own.adopted else f'run from {own.binary.path}'}"


def _is_fake(facts: ServerFacts) -> bool:
    return facts.address.startswith("fake:")


def _durability(facts: ServerFacts) -> str:
    if _is_fake(facts):
        return f"NOTHING IS KEPT, and one worker only; to keep what is sold, {INSTALL}"
    return DURABILITY[facts.durability]


def _try(demo: bool, running: Running) -> str:
    """Two curl lines that work as they stand."""
    curl, api = _curl(running)
    post = f"{curl} -X POST -H 'Content-Type: application/json'"
    if demo:
        return f"""\
Try: {curl} '{api}/seats?event_id=1&pageSize=3'
     {post} {api}/bookings -d '{{"event_id": 1}}'"""
    event = '{"title": "First night", "rows": 10, "seats_per_row": 20, "price": "25.00"}'
    return f"""\
Try: {post} {api}/events -d '{event}'
     {curl} '{api}/seats?event_id=1&pageSize=3'"""


def _curl(running: Running) -> tuple[str, str]:
    """The command that reaches the server, and the address of the API that it takes."""
    if running.port is None:
        return f"curl --unix-socket {shlex.quote(running.host)}", "http://localhost/api"
    anywhere = ipaddress.ip_address(running.host).is_unspecified
    loopback = "::1" if ":" in running.host else "127.0.0.1"
    return "curl", f"{_url(loopback if anywhere else running.host, running.port)}/api"
