"""The access log of a real `billetter serve`: every request, and nothing that proves anybody."""

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from billetter.api.signatures import Callback, Result, sign_callback, sign_notification
from billetter.domain.ids import BookingId
from tests.api.client import TIME, basic
from tests.api.people import PAYMENT_SECRET, SECRET, fresh_email
from tests.processes import Process, eventually

PASSWORD = "hush-hush-hush"
API_TOKEN = "blt_hushhushhush"
ENVIRONMENT = {
    "BILLETTER_ACCESS_LOG": "1",
    "BILLETTER_AUTH": "required",
    "BILLETTER_SECRET": SECRET,
    "BILLETTER_PAYMENT_SECRET": PAYMENT_SECRET,
    "BILLETTER_RATE_LIMITS": "",
}
LISTENS = re.compile(r"listens on (http://127\.0\.0\.1:\d+)")


class Visit:
    """What somebody asks of a server, one after the other, and what must not be told of it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.asked: list[tuple[str, str, int]] = []
        self.secrets = {PASSWORD, API_TOKEN, SECRET, PAYMENT_SECRET}

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self._client.request(method, path, **more)
        self.asked.append((method, path, answer.status_code))
        return answer

    def log_in(self) -> dict[str, str]:
        """A new organizer, who tries a few wrong ways first. Gives the right header."""
        email = fresh_email()
        person = {"email": email, "password": PASSWORD}
        new = {**person, "username": email, "role": "organizer"}
        self.secrets.add(email)
        assert self.ask("POST", "/api/auth/register", json=new).status_code == 201
        self.ask("POST", "/api/auth/register", json=new)
        self.ask("POST", "/api/auth/register", json={**new, "role": "admin"})
        self.ask("POST", "/api/auth/login", json={**person, "password": f"{PASSWORD}!"})
        self.ask("POST", "/api/auth/login", content=f'{{"password": "{PASSWORD}"')
        for header in (basic(email, PASSWORD), basic(email, f"{PASSWORD}!"), f"Bearer {API_TOKEN}"):
            self.secrets.add(header.partition(" ")[2])
            self.ask("GET", "/api/bookings", headers={"authorization": header})
        token = self.ask("POST", "/api/auth/login", json=person).json()["access_token"]
        self.secrets |= {token, token.rpartition(".")[2]}
        return {"authorization": f"Bearer {token}"}

    def buy(self, header: dict[str, str]) -> None:
        """A seat, by callbacks right and forged."""
        key = {**header, "idempotency-key": "hush-key"}
        self.secrets.add("hush-key")
        event = self.ask("POST", "/api/events", json={"title": "A"}, headers=key).json()["id"]
        body = {"event_id": event, "seat_ids": [event * 1_000_000 + 1]}
        booking = self.ask("POST", "/api/bookings", json=body, headers=header).json()["id"]
        said = {"booking_id": booking}
        self.ask("PATCH", "/api/bookings/initiatePayment", json=said, headers=header)
        now, secret = int(time.time()), PAYMENT_SECRET.encode()
        right = sign_callback(secret, Callback(BookingId(booking), Result.SUCCESS, 1_000), now)
        for signature in (right[::-1], right):
            self.secrets.add(signature)
            query = {"orderId": booking, "timestamp": now, "signature": signature}
            self.ask("GET", "/api/payments/success", params=query)
        told = orjson.dumps({"paymentId": "p", "status": "NEW", "data": {"orderId": booking}})
        signed = sign_notification(secret, told, now)
        self.secrets.add(signed.partition("v1=")[2])
        path, headers = "/api/payments/notifications", {"billetter-signature": signed}
        for content in (told, told + b" "):
            self.ask("POST", path, content=content, headers=headers)


@pytest.fixture(scope="module")
def visited(redis_url: str) -> Iterator[tuple[Visit, Process]]:
    """A visit, and the server that has ended since."""
    command = ("-m", "billetter", "serve", "--port", "0", "--redis-url", redis_url)
    with Process(*command, env=ENVIRONMENT) as process:
        listens = eventually(lambda: LISTENS.search(process.out) or process.code is not None)
        assert isinstance(listens, re.Match), process.err
        with httpx.Client(base_url=listens[1], trust_env=False) as client:
            visit = Visit(client)
            visit.buy(visit.log_in())
            visit.ask("GET", "/api/events", headers={"x-request-id": "7f3a"})
            visit.ask("GET", "/nowhere", params={"access_token": API_TOKEN})
            visit.ask("PUT", "/api/bookings", json={"password": PASSWORD})
            visit.ask("HEAD", "/health", headers={"cookie": f"session={PASSWORD}"})
        assert process.stop() == 0
        yield visit, process


def entries(process: Process) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in process.out.splitlines() if line.startswith("{")]


def test_every_request_is_a_line_of_json(visited: tuple[Visit, Process]) -> None:
    visit, process = visited
    logged = entries(process)
    assert [(each["method"], each["path"], each["status"]) for each in logged] == visit.asked
    for each in logged:
        assert TIME.fullmatch(each["time"])
        assert (each["client"], each["ms"] >= 0) == ("127.0.0.1", True)
    assert {status for _, _, status in visit.asked} >= {200, 201, 400, 401, 404, 405, 409}
    assert process.err == ""


def test_who_called_is_told_by_kind(visited: tuple[Visit, Process]) -> None:
    _, process = visited
    by_path = {(each["path"], each["status"]): each["user"] for each in entries(process)}
    assert by_path["/api/bookings", 201] == "account"
    assert by_path["/api/bookings", 401] is None
    assert by_path["/nowhere", 404] is None
    assert {each["user"] for each in entries(process)} <= {None, "account", "guest"}


def test_the_id_of_a_request_is_told(visited: tuple[Visit, Process]) -> None:
    told = [each["request_id"] for each in entries(visited[1]) if each["request_id"]]
    assert told == ["7f3a"]


def test_nothing_secret_is_told_anywhere(visited: tuple[Visit, Process]) -> None:
    visit, process = visited
    said = f"{process.out}\n{process.err}"
    assert len(visit.secrets) > 10
    for secret in visit.secrets:
        assert secret not in said
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in said
    words = ("authorization", "bearer ", "basic ", "password", "token", "signature", "argon2")
    assert [word for word in words if word in said.casefold()] == []
