"""What a step is, and the bed that is made for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from bench.torture.workload import HOLD_MS
from billetter.domain.account import Account, Role
from billetter.domain.event import Details, Event, EventPlan, Terms
from billetter.domain.ids import (
    BOOKINGS_MAX,
    AccountId,
    BookingId,
    EventId,
    SeatId,
    SeatIndex,
    UserId,
    seat_id,
    split_booking_id,
)
from billetter.domain.layout import Layout, ZonePlan
from billetter.domain.outcome import Answer, AwaitingPayment, Created, Opened, Outcome
from billetter.domain.policy import By, Group, Policy
from billetter.domain.ticket import Reserved, Standing
from billetter.engine import Engine, Retention, keys
from billetter.engine.once import Once

SEATS = 64
NEVER_MS = 32_000_000_000_000
"""A time that is yet to come, whenever a torture runs."""
SHORT_MS = 20
FORGOTTEN_AT_ONCE = Retention(ended_ms=0)
BUCKET = Policy(Group.WRITE, count=100, window_s=1, by=By.USER)
"""A token comes back after 10 ms."""

Told = Answer | AwaitingPayment | Created | Opened | Standing
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Bed:
    """What one step works on, and nothing else does.

    ann has the booking, and the account where there is one; bob made the event; carol is there to
    wait with him. number: is part of their names, and of nobody else's.
    accounts_from: the first account id that may have been given to one of them.
    partitions: where the step may write.
    """

    number: int
    event: EventId
    booking: BookingId
    ann: UserId
    account: Account | None
    accounts_from: AccountId
    partitions: Sequence[int]

    @property
    def bob(self) -> UserId:
        return user_of(self.name("bob"))

    @property
    def carol(self) -> UserId:
        return user_of(self.name("carol"))

    @property
    def who(self) -> Mapping[UserId, str]:
        """Its users, as they are called in every bed."""
        return {self.ann: "ann", self.bob: "bob", self.carol: "carol"}

    @property
    def anns(self) -> Account:
        """The account of ann, who has one."""
        assert self.account is not None, "the step's path makes it"
        return self.account

    def name(self, who: str) -> str:
        return f"{who}{self.number}"

    def email(self, who: str) -> str:
        return f"{who}{self.number}@example.org"

    def token(self, which: str) -> str:
        """The digest of an API token."""
        return f"{self.number}-{which}"

    @property
    def bucket(self) -> str:
        """The key under which ann's requests are counted."""
        return keys.limit(Once.named(str(BUCKET), self.ann, ttl_ms=0).digest)

    def seats(self, *indexes: int) -> list[SeatId]:
        return [seat_id(self.event, SeatIndex(index)) for index in indexes]


Act = Callable[[Engine, Bed, Once | None], Awaitable[Told]]


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    path: what has come to pass before, word by word; hold_ms, payment_ms, seats: of the event.
    frees: it works when memory is full. makes: it makes an event.
    again: what is answered where it runs again, whoever repeats it; repeated: where its caller
    does. None: what was answered first.
    """

    name: str
    path: str
    act: Act
    hold_ms: int = HOLD_MS
    payment_ms: int = HOLD_MS
    seats: int = SEATS
    frees: bool = False
    makes: bool = False
    again: Outcome | None = None
    repeated: Outcome | None = None

    async def prepare(self, engine: Engine) -> Bed:
        """An event of its own, and ann's booking in it, as `path` says."""
        number = next(_numbers)
        words = self.path.split()
        given = int(await engine.store.command("GET", keys.USERS_NEXT, reads=True) or 0)
        account = await _account(engine, number, words)
        ann = account.user if account else user_of(f"ann{number}")
        event = await self._event(engine, user_of(f"bob{number}"), "seeded" in words)
        booking = await _booking(engine, event, ann, words)
        everywhere = range(keys.PARTITIONS)
        own = everywhere if self.makes else [event % keys.PARTITIONS]
        bed = Bed(number, event, booking, ann, account, AccountId(given + 1), own)
        await _walk(engine, bed, words)
        return bed

    async def _event(self, engine: Engine, user: UserId, seeded: bool) -> EventId:
        event = EventId(await engine.store.draw_id(keys.EVENTS_NEXT))
        made = plan(self.hold_ms, self.payment_ms, self.seats)
        await engine.events.create_as(event, made, user, seeded=seeded)
        return event


def plan(hold_ms: int = HOLD_MS, payment_ms: int = HOLD_MS, seats: int = SEATS) -> EventPlan:
    layout = Layout.plan([ZonePlan("floor", 4_500, (seats,), numbered=False)])
    return EventPlan(Details("Torture"), Terms(hold_ms, payment_ms, 8), layout)


def ended(event: Event) -> Event:
    """Its sale is over."""
    return replace(event, terms=replace(event.terms, sale_ends_at_ms=1))


def user_of(name: str) -> UserId:
    return UserId(f"x:{name}")


async def _account(engine: Engine, number: int, words: Sequence[str]) -> Account | None:
    """ann's, with the role that the path names, if it names one."""
    for role in Role:
        if role in words:
            name = f"ann{number}"
            made = await engine.accounts.appoint(name, f"{name}@example.org", role, "$hash")
            assert isinstance(made, Account), made
            return made
    return None


async def _booking(engine: Engine, event: EventId, ann: UserId, words: Sequence[str]) -> BookingId:
    """ann's: a place, or with two seats, or with none."""
    if "place" in words:
        reserved = await engine.tickets.reserve(event, ann)
        assert isinstance(reserved, Reserved), reserved
        return reserved.id
    seats = [seat_id(event, SeatIndex(index)) for index in (0, 1)] if "seats" in words else []
    opened = await engine.bookings.open(event, ann, seats)
    assert isinstance(opened, Opened), opened
    return opened.id


async def _draw(engine: Engine, event: EventId) -> None:
    """Three numbers, of which nobody makes a booking."""
    own = keys.of_event(event)
    await engine.store.run("draw_numbers", own.to_draw(), BOOKINGS_MAX, 3)


async def _unlist(engine: Engine, booking: BookingId) -> None:
    """Its refund, as before there were lists of them."""
    event, number = split_booking_id(booking)
    await engine.store.command("ZREM", keys.of_event(event).refunds, number)


async def _walk(engine: Engine, bed: Bed, words: Iterable[str]) -> None:
    """All that happens after the booking was opened."""

    async def line() -> None:
        for user in (bed.bob, bed.carol):
            await engine.tickets.book(bed.event, user)

    async def tokens() -> None:
        for which in ("first", "second"):
            await engine.accounts.add_token(bed.anns.id, bed.token(which))

    actions: dict[str, Callable[[], Awaitable[object]]] = {
        "pay": lambda: engine.bookings.begin_payment(bed.booking, bed.ann),
        "cancel": lambda: engine.bookings.cancel(bed.booking, bed.ann),
        "confirm": lambda: engine.bookings.confirm(bed.booking),
        "refund": lambda: engine.bookings.refund(bed.booking, bed.ann),
        "lapse": lambda: asyncio.sleep(2 * SHORT_MS / 1000),
        "expire": lambda: engine.bookings.expire(*split_booking_id(bed.booking)),
        "over": lambda: engine.organizers.amend(bed.event, bed.bob, ended),
        "give_up": lambda: engine.tickets.give_up(bed.event, bed.ann),
        "unlisted": lambda: _unlist(engine, bed.booking),
        "drawn": lambda: _draw(engine, bed.event),
        "close": lambda: engine.organizers.cancel(bed.event, bed.bob),
        "line": line,
        "tokens": tokens,
    }
    for word in words:
        if word in actions:
            await actions[word]()
