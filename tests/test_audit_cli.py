"""billetter audit: real processes, on a Redis that runs, one that does not, and none."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from billetter.domain.ids import EventId
from billetter.engine import keys
from billetter.testing import Binary, RedisServer
from tests.processes import ROOT, Process, eventually, processes


def audit(*flags: str, **env: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command."""
    with Process("-m", "billetter", "audit", *flags, env=env) as command:
        code = command.wait()
        return code, command.out, command.err


def seen(**wanted: Any) -> dict[str, Any]:
    """What --json says of a clean Redis, but for what is wanted."""
    nothing = {"events": 0, "bookings": 0, "seats": 0, "violations": [], "unreplayed": []}
    return {"clean": True, **nothing, **wanted}


def serve(data: Path) -> Process:
    return Process("-m", "billetter", "serve", "--port", "0", "--data", str(data))


def sell(server: Process, events: int = 1) -> None:
    """Open a booking with two seats in each of some events."""
    eventually(lambda: "Ctrl-C ends it.\n" in server.out or server.code is not None)
    found = re.search(r"http://\S+", server.out)
    assert found, server.err
    with httpx.Client(base_url=found[0]) as client:
        plan = {"title": "A title", "rows": 1, "seats_per_row": 10, "price": "5.00"}
        for _ in range(events):
            event = client.post("/api/events", json=plan).raise_for_status().json()["id"]
            booking = client.post("/api/bookings", json={"event_id": event}).json()["id"]
            for seat in client.get("/api/seats", params={"event_id": event}).json()[:2]:
                wanted = {"booking_id": booking, "seat_id": seat["id"]}
                client.patch("/api/seats/select", json=wanted).raise_for_status()


def connected(directory: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(directory / "redis.sock"))


def spoil(client: redis.Redis, *seats: int) -> None:
    """Take seats of event 1 that nobody holds."""
    for seat in seats:
        client.setbit(keys.of_event(EventId(1)).taken, seat, 1)


def servers_in(directory: Path) -> list[int]:
    return [pid for pid, (_, _, it) in processes().items() if str(directory) in it]


def test_a_running_server_and_one_that_has_ended(files: Path) -> None:
    with serve(files) as server:
        sell(server, events=12)
        whole = seen(events=12, bookings=12, seats=24)
        code, out, err = audit("--data", str(files), "--json")
        assert (code, json.loads(out), err) == (0, whole, "")
        plain = "Clean: 12 events, 12 bookings, 24 seats taken.\n"
        assert audit("--data", str(files)) == (0, plain, "")
        assert audit("--redis-url", f"unix://{files}/redis.sock") == (0, plain, "")
        assert audit(BILLETTER_DATA=str(files)) == (0, plain, "")
        with connected(files) as client:
            spoil(client, 5)
        assert audit("--data", str(files))[0] == 1
        assert server.code is None
    assert servers_in(files) == []
    code, out, err = audit("--data", str(files), "--json")
    assert code == 1
    told = json.loads(out)
    wrong = {"event": 1, "what": "seat 1000006 is taken, and nobody holds it", "mended": False}
    assert told == {**whole, "clean": False, "violations": [wrong]}
    assert servers_in(files) == []


def test_a_socket_elsewhere_is_found(files: Path) -> None:
    """Where the path of the directory is too long for a socket."""
    data = files / ("long" * 25)
    with serve(data) as server:
        sell(server)
        assert audit("--data", str(data))[0] == 0
        assert server.code is None
    assert audit("--data", str(data)) == (0, "Clean: 1 event, 1 booking, 2 seats taken.\n", "")


def test_a_redis_that_outlived_its_server_is_left_running(files: Path) -> None:
    with serve(files) as server:
        sell(server)
        server.send(signal.SIGKILL)
        server.wait()
    left = eventually(lambda: servers_in(files))
    assert audit("--data", str(files))[0] == 0
    assert servers_in(files) == left


def test_mended_ones_are_named_and_gone(files: Path) -> None:
    own = keys.of_event(EventId(1))
    with serve(files) as server:
        sell(server)
        with connected(files) as client:
            client.delete(own.deadlines, keys.EVENTS_INDEX)
            spoil(client, 5)
            code, out, _ = audit("--data", str(files), "--repair")
            client.setbit(own.taken, 5, 0)
        lines = out.splitlines()
        assert (code, len(lines)) == (1, 4)
        assert lines[0] == "mended: event 1: the event is not listed"
        assert re.fullmatch(r"mended: event 1: booking 100000001: .* not due at all", lines[1])
        assert lines[2] == "event 1: seat 1000006 is taken, and nobody holds it"
        assert lines[3].startswith("1 violation: 1 event, 1 booking")
        assert audit("--data", str(files)) == (0, "Clean: 1 event, 1 booking, 2 seats taken.\n", "")


def test_the_first_violations_are_named(files: Path) -> None:
    with serve(files) as server:
        sell(server, events=4)
        with connected(files) as client:
            for event in range(1, 5):
                own = keys.of_event(EventId(event))
                client.delete(own.holders)
                for seat in range(3, 8):
                    client.setbit(own.taken, seat, 1)
            client.delete(keys.of_event(EventId(4)).journal)
        code, out, err = audit("--data", str(files))
    lines = out.splitlines()
    assert (code, err, len(lines)) == (1, "", 23)
    assert all(re.match(r"event \d: seat \d+ is ", line) for line in lines[:20])
    assert re.fullmatch(r"… and \d+ more", lines[20])
    assert lines[21] == "Not replayed, as the journal no longer tells of their creation: 1 event."
    assert re.match(r"\d+ violations: 4 events, 4 bookings, ", lines[22])


def test_a_redis_of_somebody_elses(binary: Binary, files: Path) -> None:
    with RedisServer(binary, files) as server, connected(files) as client:
        assert audit("--redis-url", server.url, "--json")[1] == json.dumps(seen()) + "\n"
        assert client.dbsize() == 0
        client.hset(keys.META, "format", 99)
        code, out, err = audit("--redis-url", server.url)
        assert (code, out) == (2, "")
        assert err == "billetter: this Redis was set up with format 99, this Billetter needs 1.\n"
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.delete(keys.META)
        assert audit("--redis-url", server.url)[0] == 0


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--redis-url", "redis://127.0.0.1:1"], "the Redis cannot be reached or used: "),
        (["--redis-url", "http://x:secret@y"], "--redis-url (BILLETTER_REDIS_URL): The Redis URL "),
        (["--data", "nowhere"], "nowhere (--data, BILLETTER_DATA) holds nothing that Billetter "),
    ],
)
def test_a_redis_that_cannot_be_had(flags: list[str], told: str) -> None:
    code, out, err = audit(*flags)
    assert (code, out) == (2, "")
    assert err.startswith(f"billetter: {told}")
    assert err.count("\n") == 1
    assert "secret" not in err


def test_data_that_cannot_be_read(files: Path) -> None:
    (files / "appendonly.aof").write_text("what no Redis has written")
    code, out, err = audit("--data", str(files))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("billetter: ")
    assert servers_in(files) == []


def test_both_places_at_once_are_refused() -> None:
    code, _, err = audit("--data", "x", "--redis-url", "redis://y")
    assert code == 2
    assert "not allowed with" in err


def test_data_asked_for_comes_before_a_url_of_the_environment(files: Path) -> None:
    code, _, err = audit("--data", str(files), BILLETTER_REDIS_URL="redis://127.0.0.1:1")
    assert code == 2
    assert "holds nothing that Billetter keeps" in err


def test_a_terminal_gets_a_progress_bar(files: Path) -> None:
    with serve(files) as server:
        sell(server, events=12)
        parent, terminal = pty.openpty()
        command = [sys.executable, "-m", "billetter", "audit", "--data", str(files)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(command, stderr=terminal, stdout=subprocess.PIPE, env=env)
        os.close(terminal)
        told = os.read(parent, 65_536).decode()
        os.close(parent)
    assert ended.returncode == 0
    assert ended.stdout == b"Clean: 12 events, 12 bookings, 24 seats taken.\n"
    assert told.startswith(f"\r[{'.' * 30}] 0 of 12 events")
    assert told.endswith("\r\x1b[K")
