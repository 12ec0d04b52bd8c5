"""Journeys of buyers for locust: choose one by its name, headless or in the web UI.

    billetter serve
    locust -f bench/locustfile.py SellOut --headless -u 200 -r 100 -t 20s \\
        --host http://127.0.0.1:8000

SellOut        browse, open, select, pay, fail to pay, cancel or walk away, until all is sold
ContestedSeat  everybody wants one of a few seats; whoever gets one gives it back
PaymentSpike   everybody pays at the same moment; the gateway calls back, twice by webhook

Each has an event of its own, made when the test starts; when it ends, the server says what became
of it. A lost race (419) is no failure: it is the answer that all but one must get.
"""

import json
import logging
import random
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from typing import Any

from locust import FastHttpUser, between, constant, events, task
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser
from locust.runners import WorkerRunner

SEATS_MAX = 4
"""That a booking is to have."""
FATES = {"buy": 86, "fail": 6, "walk away": 4, "cancel": 4}
"""What becomes of bookings with seats, and of how many in a hundred."""
ROW_SEATS = 200
LONG_HOLD_S = 900
"""For holds that are not to lapse."""

logger = logging.getLogger(__name__)


class Buyer(FastHttpUser):
    """What buyers do, and how many seats there are for them."""

    abstract = True

    @classmethod
    def plan(cls, options: Any) -> tuple[int, int]:
        """Seats of the event, and how many seconds its holds last."""
        return options.seats, LONG_HOLD_S

    @property
    def event(self) -> int:
        found: int = self.environment.parsed_options.halls[type(self).__name__]
        return found

    def ask(
        self, step: str, method: str, path: str, body: Any = None, expected: Sequence[int] = (200,)
    ) -> tuple[int, Any]:
        """Status and JSON of the answer; any but those expected is a failure, and ends the task."""
        with self.client.request(
            method, path, name=step, json=body, catch_response=True
        ) as response:
            if response.status_code not in expected:
                response.failure(f"{response.status_code} {response.text}")
                raise RescheduleTask
            response.success()
            return response.status_code, response.json()

    def browse(self, status: str = "FREE") -> list[int]:
        path = f"/api/seats?event_id={self.event}&status={status}&pageSize=20"
        return [seat["id"] for seat in self.ask("browse", "GET", path)[1]]

    def open(self) -> int:
        _, opened = self.ask("open", "POST", "/api/bookings", {"event_id": self.event}, (201,))
        booking: int = opened["id"]
        return booking

    def select(self, booking: int, seat: int) -> bool:
        """Whether the seat could be had."""
        wanted = {"booking_id": booking, "seat_id": seat}
        return self.ask("select", "PATCH", "/api/seats/select", wanted, (200, 419))[0] == 200

    def pay(self, booking: int) -> None:
        self.ask("pay", "PATCH", "/api/bookings/initiatePayment", {"booking_id": booking})

    def cancel(self, booking: int) -> None:
        self.ask("cancel", "PATCH", "/api/bookings/cancel", {"booking_id": booking})

    def confirm(self, booking: int) -> None:
        self.ask("confirm", "GET", f"/api/payments/success?orderId={booking}")

    def fail(self, booking: int) -> None:
        self.ask("fail", "GET", f"/api/payments/fail?orderId={booking}")


class SellOut(Buyer):
    """Books again and again until nothing is left."""

    wait_time = between(0, 1)

    @classmethod
    def plan(cls, options: Any) -> tuple[int, int]:
        return options.seats, options.hold_seconds

    @task
    def book(self) -> None:
        free = self.browse()
        if not free and not self.browse("RESERVED") and not (free := self.browse()):
            raise StopUser
        if not free:
            return  # Others may not buy what they hold: look again later.
        booking, wanted = self.open(), random.randint(1, SEATS_MAX)
        seats = [
            seat
            for seat in random.sample(free, min(wanted, len(free)))
            if self.select(booking, seat)
        ]
        if seats:
            self.decide(booking)
        else:
            self.cancel(booking)

    def decide(self, booking: int) -> None:
        (fate,) = random.choices(list(FATES), list(FATES.values()))
        if fate == "cancel":
            self.cancel(booking)
        elif fate != "walk away":
            self.pay(booking)
            if fate == "fail":
                self.fail(booking)
            else:
                self.confirm(booking)


class ContestedSeat(Buyer):
    """Wants one of a few seats, and gives it back soon after it was to be had."""

    wait_time = constant(0)

    @classmethod
    def plan(cls, options: Any) -> tuple[int, int]:
        return options.contested_seats, LONG_HOLD_S

    def on_start(self) -> None:
        path = f"/api/seats?event_id={self.event}&page=1"
        self.seats = [seat["id"] for seat in self.ask("browse", "GET", path)[1]]
        self.booking = self.open()

    @task
    def contend(self) -> None:
        seat = random.choice(self.seats)
        if self.select(self.booking, seat):
            time.sleep(random.uniform(0, 0.1))
            self.ask("release", "PATCH", "/api/seats/release", {"seat_id": seat})


class PaymentSpike(Buyer):
    """Fills a booking, waits for the next full --spike-seconds, and pays with all the others."""

    @task
    def pay_with_all(self) -> None:
        if not (free := self.browse()):
            raise StopUser
        booking = self.open()
        seats = [seat for seat in free[:SEATS_MAX] if self.select(booking, seat)]
        every_s = self.environment.parsed_options.spike_seconds
        time.sleep(every_s - time.time() % every_s)  # Of this user alone: locust has patched it.
        if seats:
            self.pay(booking)
            self.called_back(booking)

    def called_back(self, booking: int) -> None:
        """Gateways tell by redirect and by webhook, in any order, and repeat themselves."""
        paid = random.random() < 0.9
        told = {
            "paymentId": f"payment-{booking}",
            "status": "CONFIRMED" if paid else "REJECTED",
            "teamSlug": "locust",
            "timestamp": str(time.time()),
            "data": {"orderId": str(booking)},
        }
        calls: list[Callable[[], None]] = [
            lambda: self.confirm(booking) if paid else self.fail(booking),
            lambda: self.notify(told),
            lambda: self.notify(told),
        ]
        for call in random.sample(calls, len(calls)):
            call()

    def notify(self, told: dict[str, Any]) -> None:
        self.ask("notify", "POST", "/api/payments/notifications", told)


@events.init_command_line_parser.add_listener
def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--seats", type=int, default=100_000, help="Seats of SellOut's and PaymentSpike's events")
    add("--hold-seconds", type=int, default=10, help="How long holds last in SellOut")
    add("--contested-seats", type=int, default=5, help="Seats of ContestedSeat's event, 20 at most")
    add("--spike-seconds", type=int, default=5, help="Between two spikes of PaymentSpike")


@events.test_start.add_listener
def _make_events(environment: Environment, **_: Any) -> None:
    """One for each scenario. Workers get the options, and so the events' ids, from the master."""
    if isinstance(environment.runner, WorkerRunner):
        return
    options: Any = environment.parsed_options
    options.halls = {
        scenario.__name__: _made(environment, *scenario.plan(options))
        for scenario in environment.user_classes
        if issubclass(scenario, Buyer)
    }


@events.test_stop.add_listener
def _tell(environment: Environment, **_: Any) -> None:
    if isinstance(environment.runner, WorkerRunner):
        return
    options: Any = environment.parsed_options
    for name, event in options.halls.items():
        told = _asked(environment, f"/api/analytics?id={event}")
        logger.info(
            f"{name}: {told['sold_seats']} of {told['total_seats']} seats sold in"
            f" {told['bookings_count']} bookings, {told['reserved_seats']} reserved"
        )


def _made(environment: Environment, seats: int, hold_s: int) -> int:
    rows, rest = divmod(seats, ROW_SEATS)
    zone = {"name": "Hall", "price": "150.00", "rows": [ROW_SEATS] * rows + [rest] * bool(rest)}
    plan = {"title": "Locust", "hold_seconds": hold_s, "zones": [zone]}
    event: int = _asked(environment, "/api/events", plan)["id"]
    return event


def _asked(environment: Environment, path: str, body: Any = None) -> Any:
    """The server's answer, outside of all figures. Raises OSError for any but 2xx."""
    request = urllib.request.Request(
        f"{(environment.host or '').rstrip('/')}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
