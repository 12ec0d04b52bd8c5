"""What `billetter serve` says of whom it lets in, and whom it does not."""

import re
from pathlib import Path

import httpx
import pytest

from billetter.server import Running
from billetter.settings import Settings, unknown_variables, variable
from billetter.welcome import welcome as welcomed
from billetter.wire.topology import ServerFacts
from tests.api.people import SECRET
from tests.processes import ROOT, Process, eventually

FACTS = ServerFacts((7, 0, 15), False, "fsync", "noeviction", "standalone", True, "unix:///s")
_VARIABLE = re.compile(r"BILLETTER_[A-Z][A-Z_]*[A-Z]")

pytestmark = pytest.mark.usefixtures("plain_environment")


def welcome(**chosen: object) -> str:
    return welcomed(Settings.model_validate(chosen), Running("127.0.0.1", 8000, FACTS, None))


# The welcome.


def test_the_mode_is_told() -> None:
    assert "\n  mode        open: whoever reaches this address may do everything" in welcome()
    required = welcome(auth="required", secret=SECRET)
    assert "\n  mode        required: only events and seats are shown without cred" in required


@pytest.mark.parametrize(
    ("auth", "hosts", "told"),
    [
        ("open", None, "this machine's own names, addresses (BILLETTER_HOSTS adds others)"),
        ("open", "a.example,*.b.example", "this machine's own names, addresses, a.example, *.b."),
        ("required", None, "any name (BILLETTER_HOSTS narrows that)"),
        ("required", "a.example", "this machine's own names, addresses, a.example"),
    ],
)
def test_the_hosts_are_told(auth: str, hosts: str | None, told: str) -> None:
    assert f"\n  hosts       {told}" in welcome(auth=auth, hosts=hosts, secret=SECRET)


# Variables.


def test_a_variable_that_is_no_setting_is_found() -> None:
    environment = {
        *("BILLETTER_HOSTS", "billetter_port", "BILLETTER", "HOME", "MY_BILLETTER_PORT"),
        *("BILLETTER_SERVICE_HOST", "BILLETTER_SERVICE_PORT_HTTP", "BILLETTER_PORT_8000_TCP_ADDR"),
        *("BILLETTER_HOSST", "BILLETTER_CORS_ORIGIN", "BILLETTER_", "BILLETTER_XYZZY_PLUGH_QUX"),
    }
    assert unknown_variables(environment) == {
        "BILLETTER_": None,
        "BILLETTER_CORS_ORIGIN": "BILLETTER_CORS_ORIGINS",
        "BILLETTER_HOSST": "BILLETTER_HOST",
        "BILLETTER_XYZZY_PLUGH_QUX": None,
    }


def test_no_variable_is_read_or_told_of_that_is_no_setting() -> None:
    files = [ROOT / "README.md", ROOT / "compose.yaml", ROOT / ".ci" / "run"]
    files += [
        path for folder in ("billetter", "bench", "lua") for path in (ROOT / folder).rglob("*")
    ]
    named = {
        name
        for path in files
        if path.suffix in ("", ".py", ".md", ".lua", ".yaml") and path.is_file()
        for name in _VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    assert named <= {variable(field) for field in Settings.model_fields} | {"BILLETTER_SERVICE"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("BILLETTER_HOSTS", "http://a.example", "'http://a.example' is no host such as tickets"),
        ("BILLETTER_HOSTS", "a.example:8000", "without scheme and port"),
        ("BILLETTER_PUBLIC_URL", "tickets.example.org", "must be a web address such as https://"),
        ("BILLETTER_PUBLIC_URL", "https://a:b@example.org", "must be a web address such as"),
    ],
)
def test_a_wrong_one_is_named_in_one_sentence(name: str, value: str, told: str) -> None:
    with Process("-m", "billetter", "serve", "--port", "0", env={name: value}) as command:
        assert command.wait() == 2
        assert command.err.startswith(f"billetter: {name} is wrong: ")
        assert told in command.err
        assert command.err.count("\n") == 1


# It holds.


def test_what_is_served_answers_for_its_own_hosts_alone(files: Path) -> None:
    places = ["--port", "0", "--data", str(files / "data")]
    env = {"BILLETTER_HOSTS": "tickets.example.org", "BILLETTER_HOSST": "x"}
    with Process("-m", "billetter", "serve", *places, env=env) as command:
        eventually(lambda: "Ctrl-C ends it.\n" in command.out or command.code is not None)
        found = re.search(r"listens on (http://\S+) ", command.out)
        assert found, command.err
        assert "BILLETTER_HOSST is set, but there is no such setting; is BILLETTER_HOST meant?" in (
            command.err
        )
        for host, status in (
            ("localhost", 200),
            ("tickets.example.org", 200),
            ("rebound.example", 421),
        ):
            answer = httpx.get(f"{found[1]}/api/events", headers={"host": host}, trust_env=False)
            assert answer.status_code == status
        foreign = {"origin": "https://evil.example"}
        reset = httpx.post(f"{found[1]}/api/reset", headers=foreign, trust_env=False)
        assert reset.status_code == 403
        assert command.stop() == 0


def test_containers_may_call_it_by_its_name() -> None:
    assert "BILLETTER_HOSTS: ${BILLETTER_HOSTS:-api}" in (ROOT / "compose.yaml").read_text()
