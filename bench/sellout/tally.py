"""What a crowd of buyers was told: how long each answer took, who bought what, what went wrong."""

import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from bench.torture.hall import percentile

Step = Literal["browse", "open", "select", "pay", "confirm", "fail", "cancel"]
STEPS: tuple[Step, ...] = get_args(Step)
ERRORS_NAMED_MAX = 5


class Sale(NamedTuple):
    """One seat that a buyer was told is his, and when: seconds since the start."""

    seconds: float
    booking: int
    seat: int


@dataclass(slots=True)
class Answers:
    """Of one kind of request: seconds since the start, and how long each answer took, in ms."""

    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    taken_ms: "array[float]" = field(default_factory=lambda: array("d"))

    def summary(self) -> dict[str, float]:
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
        ordered = sorted(self.taken_ms)
        found = {name: round(percentile(ordered, share), 1) for name, share in shares.items()}
        return {**found, "count": len(ordered)}


@dataclass(slots=True)
class Tally:
    """One for the whole crowd, which lives on one event loop.

    began, ended: as of time.perf_counter.
    conflicts: seats that somebody else was faster to select.
    failed_payments, walkaways, cancelled: bookings with seats that did not end in a sale.
    lapsed: holds that ended before their buyer was done.
    errors: answers that must not be, and lost connections.
    """

    began: float = field(default_factory=time.perf_counter)
    ended: float | None = None
    answers: dict[Step, Answers] = field(
        default_factory=lambda: {step: Answers() for step in STEPS}
    )
    sales: list[Sale] = field(default_factory=list)
    conflicts: int = 0
    failed_payments: int = 0
    walkaways: int = 0
    cancelled: int = 0
    lapsed: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Since the start, until the end."""
        return (self.ended or time.perf_counter()) - self.began

    @property
    def requests(self) -> int:
        return sum(len(answers.seconds) for answers in self.answers.values())

    def answered(self, step: Step, sent: float) -> None:
        """sent: as of time.perf_counter."""
        now = time.perf_counter()
        answers = self.answers[step]
        answers.seconds.append(now - self.began)
        answers.taken_ms.append((now - sent) * 1000)

    def sold(self, booking: int, seats: list[int]) -> None:
        self.sales += [Sale(self.seconds, booking, seat) for seat in seats]

    def twice(self) -> list[int]:
        """Seats that buyers bought more than once."""
        bought = Counter(sale.seat for sale in self.sales)
        return [seat for seat, count in bought.items() if count > 1]

    def seconds_to(self, seats: int) -> float | None:
        """When that many seats were sold; None: never."""
        return round(self.sales[seats - 1].seconds, 2) if 0 < seats <= len(self.sales) else None

    def curve(self) -> list[tuple[int, int]]:
        """At the end of each second: how many seats were sold."""
        sold = Counter(int(sale.seconds) + 1 for sale in self.sales)
        points, so_far = [(0, 0)], 0
        for second in range(1, max(sold, default=0) + 1):
            so_far += sold[second]
            points.append((second, so_far))
        return points

    def timeline(self) -> list[dict[str, float]]:
        """Each second's answers, whatever they were to: how many, and their latencies."""
        seconds: dict[int, Answers] = {}
        for answers in self.answers.values():
            for second, taken_ms in zip(answers.seconds, answers.taken_ms, strict=True):
                seconds.setdefault(int(second), Answers()).taken_ms.append(taken_ms)
        return [{"second": second, **seconds[second].summary()} for second in sorted(seconds)]

    def summary(self, seats: int) -> dict[str, Any]:
        """All of it, as it goes into JSON. seats: of the event."""
        seconds = self.seconds
        return {
            "sold": len({sale.seat for sale in self.sales}),
            "twice": len(self.twice()),
            "errors": len(self.errors),
            "errors_named": Counter(self.errors).most_common(ERRORS_NAMED_MAX),
            "seconds": round(seconds, 2),
            "seconds_80": self.seconds_to(-(-seats * 8 // 10)),
            "seconds_100": self.seconds_to(seats),
            "requests": self.requests,
            "requests_per_s": round(self.requests / seconds),
            "bookings": len({sale.booking for sale in self.sales}),
            "conflicts": self.conflicts,
            "failed_payments": self.failed_payments,
            "walkaways": self.walkaways,
            "cancelled": self.cancelled,
            "lapsed": self.lapsed,
            "steps": {step: self.answers[step].summary() for step in STEPS},
            "curve": self.curve(),
            "timeline": self.timeline(),
        }
