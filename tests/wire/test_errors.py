"""Which error an error reply becomes: by its code, wherever each version of Redis puts that."""

import pytest

from billetter.testing import RedisServer
from billetter.wire.errors import NotRun, Rejected, WireError, refusal
from billetter.wire.topology import Wire, open_wire

SET = "\n\nreturn redis.call('SET', KEYS[1], 'x')"
IN_SCRIPT = "ERR Error running script (call to f_9e1f41): @user_script:8: "


async def failure(wire: Wire, *args: str | int) -> WireError:
    with pytest.raises(WireError) as caught:
        await wire.call(*args)
    return caught.value


@pytest.mark.parametrize(
    "message",
    [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "OOM command not allowed. script: 9e1f41, on @user_script:3.",
        IN_SCRIPT + "@user_script: 8: -OOM command not allowed",
        "@user_script: 8: -OOM command not allowed",
        "LOADING Redis is loading the dataset in memory",
        "BUSY Redis is busy running a script.",
        "MASTERDOWN",
        "NOAUTH Authentication required.",
    ],
)
def test_a_server_that_cannot_serve_did_not_run_the_command(message: str) -> None:
    error = refusal(message)
    assert isinstance(error, NotRun)
    assert str(error) == message


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("ERR OOM is only a word here", "ERR"),
        ("NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT"),
        ("BUSYGROUP Consumer Group name already exists", "BUSYGROUP"),
        ("WRONGTYPE Operation against a key", "WRONGTYPE"),
        (IN_SCRIPT + "WRONGTYPE Operation against a key", "WRONGTYPE"),
        (IN_SCRIPT + "ERR value is not an integer", "ERR"),
        (IN_SCRIPT + "user_script:8: attempt to index local 'x' (a nil value)", "ERR"),
        (IN_SCRIPT + "@user_script: 8: Unknown Redis command called", "ERR"),
        (IN_SCRIPT + "user_script:8: -OOM said the script", "ERR"),
        ("", "ERR"),
        ("no code at all", "ERR"),
    ],
)
def test_any_other_error_keeps_its_code(message: str, code: str) -> None:
    error = refusal(message)
    assert isinstance(error, Rejected)
    assert (error.code, str(error)) == (code, message)


async def test_full_memory_is_not_run_in_and_out_of_scripts(own_server: RedisServer) -> None:
    wire = open_wire(own_server.url)
    await wire.start()
    await wire.call("CONFIG", "SET", "maxmemory", 1)
    caught = SET.replace("call", "pcall")
    for command in (("SET", "a", "x"), ("EVAL", SET, 1, "a"), ("EVAL", caught, 1, "a")):
        assert isinstance(await failure(wire, *command), NotRun)
    assert await wire.call("EXISTS", "a") == 0
    await wire.close()


async def test_a_script_that_wrote_is_never_told_not_run_for_want_of_memory(
    own_server: RedisServer,
) -> None:
    """What errors.py relies on: past its first write a script meets no OOM."""
    wire = open_wire(own_server.url)
    await wire.start()
    await wire.call("SET", "old", "x")
    await wire.call("CONFIG", "SET", "maxmemory", 1)
    script = "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[2], 'x')"
    assert await wire.call("EVAL", script, 2, "old", "new") == b"OK"
    await wire.close()


@pytest.mark.parametrize("script", [False, True], ids=["command", "script"])
async def test_a_replica_and_a_lonely_master_do_not_run_writes(
    own_server: RedisServer, script: bool
) -> None:
    wire = open_wire(own_server.url)
    await wire.start()
    write: tuple[str | int, ...] = ("EVAL", SET, 1, "a") if script else ("SET", "a", "x")
    await wire.call("CONFIG", "SET", "min-replicas-to-write", 1)
    lonely = await failure(wire, *write)
    await wire.call("CONFIG", "SET", "min-replicas-to-write", 0)
    await wire.call("REPLICAOF", "127.0.0.1", "1")
    replica = await failure(wire, *write)
    await wire.close()
    assert isinstance(lonely, NotRun)
    assert "NOREPLICAS" in str(lonely)
    assert isinstance(replica, NotRun)
    assert "READONLY" in str(replica)


async def test_errors_of_scripts_have_the_same_code_everywhere(wire: Wire) -> None:
    await wire.call("SET", "test:errors:string", "x", "EX", 60)
    push = "return redis.call('LPUSH', KEYS[1], 'a')"
    for script, code in [
        (push, "WRONGTYPE"),
        (push.replace("call", "pcall"), "WRONGTYPE"),
        ("return redis.error_reply('MINE by hand')", "MINE"),
        ("error('boom')", "ERR"),
        ("local x = nil; return x.y", "ERR"),
        ("return redis.call('SET')", "ERR"),
        ("return (", "ERR"),
    ]:
        error = await failure(wire, "EVAL", script, 1, "test:errors:string")
        assert isinstance(error, Rejected)
        assert error.code == code, script
