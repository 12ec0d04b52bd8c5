"""The locust file: each scenario runs for real, in a process that locust may patch as it likes."""

import importlib.util
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import ROOT, Process, eventually, short_directory

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="locust is not installed: it comes with the extra billetter[bench]",
)
USERS = 8
STEPS = {
    "SellOut": {"browse", "open", "select", "pay", "confirm"},
    "ContestedSeat": {"browse", "open", "select", "release"},
    "PaymentSpike": {"browse", "open", "select", "pay", "confirm", "notify"},
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with (
        short_directory() as data,
        Process("-m", "billetter", "serve", "--port", "0", "--data", str(data)) as server,
    ):
        eventually(lambda: "Ctrl-C ends it.\n" in server.out or server.code is not None)
        found = re.search(r"http://\S+", server.out)
        assert found, server.err
        yield found[0]


def run(address: str, scenario: str, *options: str) -> tuple[dict[str, Any], str]:
    """The figures of each step, and what was logged."""
    file = str(ROOT / "bench" / "locustfile.py")
    how = ("--headless", "-u", str(USERS), "-r", str(USERS), "-t", "3s", "--json")
    with Process("-m", "locust", "-f", file, scenario, *how, "--host", address, *options) as locust:
        code = locust.wait()
        assert code == 0, locust.err
        whole = locust.out[locust.out.rindex("[\n") :]  # After what processes of its own printed.
        return {row["name"]: row for row in json.loads(whole)}, locust.err


@pytest.mark.parametrize("scenario", STEPS)
def test_a_scenario_runs_without_failures(address: str, scenario: str) -> None:
    steps, _ = run(address, scenario, "--seats", "1000", "--spike-seconds", "1")

    assert {row["num_failures"] for row in steps.values()} == {0}
    assert steps.keys() >= STEPS[scenario]


def test_a_hall_is_sold_out_and_everybody_goes(address: str) -> None:
    _, said = run(address, "SellOut", "--seats", "10", "--hold-seconds", "1")

    assert "SellOut: 10 of 10 seats sold" in said


def test_a_lost_race_is_no_failure(address: str) -> None:
    steps, said = run(address, "ContestedSeat", "--contested-seats", "1")

    assert steps["select"]["num_requests"] > 2 * steps["release"]["num_requests"]
    assert "ContestedSeat: 0 of 1 seats sold" in said


def test_processes_share_the_event_of_their_master(address: str) -> None:
    steps, said = run(address, "PaymentSpike", "--processes", "2", "--spike-seconds", "1")

    assert steps["notify"]["num_failures"] == 0
    assert re.search(r"PaymentSpike: [1-9]\d* of 100000 seats sold", said)
