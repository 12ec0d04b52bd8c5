"""URLs to wires, and what a server tells about itself."""

import dataclasses
import ssl
import traceback
from pathlib import Path
from typing import Literal, cast

import pytest

from billetter.testing import Binary, RedisServer
from billetter.wire.errors import NotRun, Rejected
from billetter.wire.fake import FakeLane
from billetter.wire.lane import Lane
from billetter.wire.topology import ServerFacts, inspect, objection, open_wire
from tests.wire.stub import StubServer, until

# Self-signed, for localhost and 127.0.0.1, valid for a hundred years.
CERTIFICATE = Path(__file__).with_name("localhost.pem")

GOOD = ServerFacts(
    version=(7, 0, 15),
    valkey=False,
    durability="fsync",
    policy="noeviction",
    kind="standalone",
    script_flags=True,
    address="redis://localhost:6379/0",
)


async def answer(url: str, *command: str | int) -> object:
    """What the server at `url` says to one command."""
    wire = open_wire(url, deadline_s=5)
    try:
        await wire.start()
        return await wire.call(*command)
    finally:
        await wire.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://:s3cret@localhost",
        "redis://:s3cret@localhost:port",
        "redis://:s3cret@localhost:99999",
        "redis://:s3/cret@localhost:6379",
        "redis://:1?s3cret=2@localhost:6379",
        "redis://:s3cret@localhost/first",
        "redis://:s3cret@localhost?db=s3cret",
        "redis://:s3cret@localhost?timeout=1",
        "redis://:s3cret@localhost?ssl_cert_reqs=none",
        "redis://[s3cret",
        "unix://",
        "unix://:s3cret@",
        "rediss://:s3cret@localhost?ssl_cert_reqs=maybe",
        "rediss://:s3cret@localhost?ssl_no_such=1",
        "rediss://:s3cret@localhost?ssl_ca_certs=/no/such/file",
        "rediss://:s3cret@localhost?ssl_min_version=x",
    ],
)
def test_a_wrong_url_is_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="Redis URL") as caught:
        open_wire(url)
    logged = "".join(traceback.format_exception(caught.value))
    assert "s3" not in logged
    assert "cret" not in logged


def test_each_scheme_has_its_wire() -> None:
    for url in ("redis://", "redis://localhost:1/2", "rediss://[::1]:1", "unix:///tmp/x?db=1"):
        assert isinstance(open_wire(url), Lane)
    assert isinstance(open_wire("fake://"), FakeLane)


async def test_passwords_users_and_databases(binary: Binary, tmp_path: Path) -> None:
    options = ["requirepass s3/cret@", "user ann on >w@rd ~* &* +@all"]
    with RedisServer(binary, tmp_path, tcp=True, options=options) as server:
        port, path = server.port, server.socket
        assert await answer(f"redis://:s3%2Fcret%40@127.0.0.1:{port}", "ACL", "WHOAMI") == (
            b"default"
        )
        assert await answer(f"redis://ann:w%40rd@127.0.0.1:{port}/5", "SET", "a", "five") == b"OK"
        for url in (
            f"unix://ann:w%40rd@{path}?db=5",
            f"unix://{path}?db=5&username=ann&password=w%40rd",
            f"redis://ann:w%40rd@127.0.0.1:{port}?db=5",
        ):
            assert await answer(url, "ACL", "WHOAMI") == b"ann"
            assert await answer(url, "GET", "a") == b"five"
        assert await answer(f"unix://ann:w%40rd@{path}", "EXISTS", "a") == 0
        named = f"unix://ann:w%40rd@{path}?client_name=till"
        assert await answer(named, "CLIENT", "GETNAME") == b"till"


@pytest.mark.parametrize(
    ("user", "reason"),
    [("", "NOAUTH"), (":wrong@", "WRONGPASS"), ("ann:x@", "WRONGPASS"), (":s3cret@", "DB index")],
)
async def test_a_start_that_fails_says_why(
    binary: Binary, tmp_path: Path, user: str, reason: str
) -> None:
    with RedisServer(binary, tmp_path, options=["requirepass s3cret"]) as server:
        wire = open_wire(f"unix://{user}{server.socket}?db=99", deadline_s=0.2)
        with pytest.raises(NotRun, match=reason):
            await wire.start()
        await wire.close()


async def test_a_full_server_is_asked_again(own_server: RedisServer) -> None:
    first = open_wire(own_server.url)
    await first.start()
    await first.call("CONFIG", "SET", "maxclients", 1)
    second = cast(Lane, open_wire(own_server.url, deadline_s=0.3))
    with pytest.raises(NotRun):  # Whether its reason gets through before it hangs up is luck.
        await second.start()
    await first.call("CONFIG", "SET", "maxclients", 10)
    await until(lambda: second.connected)
    assert await second.call("PING") == b"PONG"
    await first.close()
    await second.close()


async def test_tls_trusts_whom_the_url_says(tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    async with StubServer(tmp_path, lambda _: b"+OK\r\n", tls=tls) as server:
        for host, options in [
            ("localhost", f"ssl_ca_certs={CERTIFICATE}"),
            ("127.0.0.1", f"ssl_ca_certs={CERTIFICATE}"),
            ("127.0.0.1", "ssl_cert_reqs=none"),
        ]:
            assert await answer(f"rediss://{host}:{server.port}?{options}", "DEL", "a") == b"OK"

        wire = open_wire(f"rediss://localhost:{server.port}", deadline_s=1)
        with pytest.raises(NotRun, match="certificate verify failed"):
            await wire.start()
        await wire.close()


async def test_each_server_can_be_worked_with(any_url: str) -> None:
    facts = await inspect(any_url)
    assert facts.version >= (6, 2)
    assert (facts.durability, facts.policy, facts.kind) == ("memory", "noeviction", "standalone")
    assert objection(facts) is None


async def test_a_server_tells_its_version(redis_url: str, binary: Binary) -> None:
    facts = await inspect(redis_url)
    assert facts.version == binary.version
    assert facts.valkey == (binary.product == "Valkey")


async def test_scripts_may_have_flags_where_the_facts_say_so(any_url: str) -> None:
    script = "#!lua flags=no-writes\nreturn 1"
    if (await inspect(any_url)).script_flags:
        assert await answer(any_url, "EVAL", script, 0) == 1
    else:
        with pytest.raises(Rejected):
            await answer(any_url, "EVAL", script, 0)


async def test_an_address_has_no_password(binary: Binary, tmp_path: Path) -> None:
    with RedisServer(binary, tmp_path, tcp=True, options=["requirepass s3cret"]) as server:
        facts = await inspect(f"redis://:s3cret@127.0.0.1:{server.port}/3")
        assert facts.address == f"redis://127.0.0.1:{server.port}/3"
        facts = await inspect(f"unix://:s3cret@{server.socket}")
        assert facts.address == f"unix://{server.socket}?db=0"


@pytest.mark.parametrize(
    ("appendonly", "appendfsync", "skipped_while_rewriting", "durability"),
    [
        (False, "always", "no", "memory"),
        (True, "no", "no", "memory"),
        (True, "everysec", "no", "everysec"),
        (True, "always", "yes", "everysec"),
        (True, "always", "no", "fsync"),
    ],
)
async def test_durability_is_what_every_acknowledged_write_has(
    binary: Binary,
    tmp_path: Path,
    appendonly: bool,
    appendfsync: Literal["always", "everysec", "no"],
    skipped_while_rewriting: str,
    durability: str,
) -> None:
    server = RedisServer(
        binary,
        tmp_path,
        appendonly=appendonly,
        appendfsync=appendfsync,
        options=[f"no-appendfsync-on-rewrite {skipped_while_rewriting}"],
    )
    with server:
        assert (await inspect(server.url)).durability == durability


@pytest.mark.parametrize(("appendonly", "durability"), [(True, "everysec"), (False, "memory")])
async def test_without_config_no_more_is_claimed_than_info_tells(
    binary: Binary, tmp_path: Path, appendonly: bool, durability: str
) -> None:
    options = ["user ann on >word ~* &* +@all -config"]
    with RedisServer(binary, tmp_path, appendonly=appendonly, options=options) as server:
        assert (await inspect(f"unix://ann:word@{server.socket}")).durability == durability


async def test_a_server_that_may_evict_or_is_a_replica_is_objected_to(
    own_server: RedisServer,
) -> None:
    await answer(own_server.url, "CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    assert "volatile-lru" in (objection(await inspect(own_server.url)) or "")
    await answer(own_server.url, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    await answer(own_server.url, "REPLICAOF", "127.0.0.1", "1")
    assert "replica" in (objection(await inspect(own_server.url)) or "")


async def test_inspecting_nobody_fails_in_time(tmp_path: Path) -> None:
    with pytest.raises(NotRun, match="No such file"):
        await inspect(f"unix://{tmp_path}/none.sock", deadline_s=0.1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"version": (6, 0, 20)}, "6.0.20"),
        ({"policy": "allkeys-lru"}, "allkeys-lru"),
        ({"kind": "cluster"}, "cluster"),
        ({"kind": "sentinel"}, "sentinel"),
        ({"valkey": True, "policy": "volatile-ttl"}, "Valkey at redis://localhost:6379/0"),
    ],
)
def test_an_objection_is_a_sentence_with_the_reason(change: dict[str, object], word: str) -> None:
    sentence = objection(dataclasses.replace(GOOD, **change))  # type: ignore[arg-type]
    assert sentence is not None
    assert word in sentence
    assert sentence.endswith(".")


def test_what_a_server_does_not_tell_is_no_objection() -> None:
    assert objection(GOOD) is None
    assert objection(dataclasses.replace(GOOD, policy=None)) is None
