"""Rows 13 and 14: what it costs to know who asks, and what logins cost everybody else."""

import asyncio
import time
from base64 import b64encode
from collections import Counter
from functools import partial

from bench.figures import Bar, Figure, Measured, Sample, compared, fault_of, middle, p99
from bench.halls import FreshSeats
from bench.http import amid, paced_selects, selects
from bench.run import Row, Run
from bench.servers import need_wrk, stand
from bench.torture.http import ANSWER_S_MAX, Client, crowd, once_asked, request
from bench.wrk import Load
from billetter.access.passwords import Passwords
from billetter.access.registry import Registry
from billetter.domain.account import Account, Role
from billetter.engine import Engine

EMAIL, PASSWORD, NOT_THE_PASSWORD = "ann@example.org", "hästar på rad", "hästar i rad"
CREDENTIALS_BAR = Bar(0.85)
STORM_BAR = Bar(3.0, at_most=True)

PEOPLE = 32
"""Who log in at once, again and again: more than are hashed, fewer than may wait for it."""
UNLIMITED = {"BILLETTER_RATE_LIMITS": ""}


async def credentials(run: Run) -> Measured:
    """Selects without credentials, by a token and by a password, on one server in turn."""
    need_wrk()
    async with stand(run) as at:
        user = (await _account(at.engine)).user
        sides = {"open": selects(run, at.api, FreshSeats(at.engine))}
        headers = {"Bearer": await _token(at.api.port), "Basic": _basic()}
        for scheme, proof in headers.items():
            load = Load(authorization=f"{scheme} {proof}")
            sides[scheme] = selects(run, at.api, FreshSeats(at.engine, user), load)
        samples = await run.in_turn("row 13", sides)
    figures = [
        compared(13, f"select by {scheme} ÷ open", samples, CREDENTIALS_BAR, scheme, "open")
        for scheme in headers
    ]
    return Measured(figures, samples)


async def _account(engine: Engine) -> Account:
    registry = Registry(engine.accounts, Passwords())
    made = await registry.register("ann", EMAIL, PASSWORD, Role.ATTENDEE)
    if not isinstance(made, Account):
        raise RuntimeError(f"the account cannot be had: {made}")
    return made


def _login(password: str) -> bytes:
    return request("POST", "/api/auth/login", {"email": EMAIL, "password": password})


async def _token(port: int) -> str:
    token: str = (await once_asked(port, _login(PASSWORD))).json()["access_token"]
    return token


def _basic() -> str:
    return b64encode(f"{EMAIL}:{PASSWORD}".encode()).decode()


async def login_storm(run: Run) -> Measured:
    """The same modest load of selects, while nobody logs in and while many do, in turn."""
    need_wrk()
    storms: list[Sample] = []
    async with stand(run, env=UNLIMITED) as at:
        await _account(at.engine)
        calm = paced_selects(run, at)
        stormy = partial(amid, calm, partial(logins, at.api.port), storms)
        samples = await run.in_turn("row 14", {"no logins": calm, "login storm": stormy})
    name = "p99 of a select, login storm ÷ no logins"
    slower = compared(14, name, samples, STORM_BAR, "login storm", "no logins", of=p99)
    asked = f"{PEOPLE} at once, beside {middle(samples['login storm']):,.0f} selects/s"
    hashed = Figure(
        14,
        "logins meanwhile",
        middle(storms),
        unit="/s",
        absolute=asked,
        fault=fault_of(samples, "login storm"),
    )
    return Measured([slower, hashed], samples, {"logins_per_s": [each.per_s for each in storms]})


async def logins(port: int, over: asyncio.Event) -> Sample:
    """As many as are answered until then, every other with a wrong password."""
    attempts = ((_login(PASSWORD), 200), (_login(NOT_THE_PASSWORD), 401))
    statuses = Counter[int]()
    wrong = Counter[int]()

    async def person(client: Client, asked: bytes, due: int) -> None:
        while not over.is_set() and not wrong:
            async with asyncio.timeout(ANSWER_S_MAX):
                status = (await client.ask(asked)).status
            (statuses if status == due else wrong)[status] += 1

    began = time.perf_counter()
    async with crowd(port, PEOPLE) as clients:
        await asyncio.gather(
            *(person(client, *attempts[each % 2]) for each, client in enumerate(clients))
        )
    rate = statuses.total() / (time.perf_counter() - began)
    return Sample(rate, f"logins were answered {dict(wrong)}" if wrong else "")


ROWS = [
    Row(13, "what credentials cost a select", credentials),
    Row(14, "selects while many people log in", login_storm),
]
