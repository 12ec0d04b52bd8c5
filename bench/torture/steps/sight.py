"""All there is to see of a bed."""

import asyncio
import re
from dataclasses import asdict, dataclass

from bench.torture.ledger import bookings_of
from bench.torture.steps.bed import Bed
from billetter.domain.account import Account
from billetter.domain.ids import AccountId, UserId, split_seat_id
from billetter.engine import Engine, fields, keys, partition_keys

Entry = tuple[str, ...]
"""What a journal says happened, to whom, and what more it says that another bed's says as well."""


@dataclass(frozen=True, slots=True)
class Sight:
    """All there is to see of a bed: without ids, times and versions, so that it compares.

    journal: what was journalled, of its accounts as well. bookings: with their users, and whether
    they are in their users' lists. sums: counts of the event. event: as it is now. places: of its
    users, with their positions in the line. shares: what counts towards their caps.
    left: what is left to the sweeper, whether the event is listed, whether a rate limit counts,
    whether the event's id is kept. A number that is given back or not makes no difference.
    accounts: of its users. names: of theirs that are taken, and API tokens that stand for anybody.
    """

    journal: tuple[Entry, ...]
    bookings: tuple[object, ...]
    sums: object
    event: object
    places: tuple[object, ...]
    shares: tuple[object, ...]
    left: tuple[bool, ...]
    accounts: tuple[object, ...]
    names: tuple[bool, ...]

    @property
    def own(self) -> list[Entry]:
        """What a call itself changed: to end what has lapsed is everybody's business."""
        return [entry for entry in self.journal if entry[0] != "expired"]

    def unlike(self, other: "Sight") -> str:
        """What is not the same in both; empty where all is."""
        pairs = zip(asdict(self).items(), asdict(other).values(), strict=True)
        return "; ".join(f"{name} {it}, not {its}" for (name, it), its in pairs if it != its)


async def seen(engine: Engine, bed: Bed) -> Sight:
    """The bed as it is now, by an engine that nothing disturbs."""
    accounts = await _accounts(engine, bed)
    journal = [*await _journal(engine, bed), *await _told_of(engine, bed, accounts)]
    engine.events.forget(bed.event)
    sales = await engine.events.sales(bed.event)
    return Sight(
        tuple(sorted(journal)),
        await _bookings(engine, bed),
        sales
        and (sales.revenue, sales.confirmed, sales.all, sales.waiting, *await _money(engine, bed)),
        await _event(engine, bed),
        await _places(engine, bed),
        await _shares(engine, bed),
        await _left(engine, bed),
        tuple([await _account(engine, bed, each) for each in accounts]),
        await _names(engine, bed),
    )


async def swept(engine: Engine, bed: Bed) -> None:
    """Do what a change that stands may leave to the sweeper, which does it for all events."""
    await engine.organizers.settle(bed.event)
    await engine.lines.serve(bed.event)


async def _journal(engine: Engine, bed: Bed) -> list[Entry]:
    """Of the event, and of what bob has made besides."""
    found: list[Entry] = []
    for partition in bed.partitions:
        key = partition_keys.journal(partition_keys.TAGS[partition])
        for _, flat in await engine.store.command("XRANGE", key, "-", "+", reads=True):
            entry = dict(zip(flat[::2], flat[1::2], strict=True))
            what, user = entry[b"what"].decode(), UserId(entry[b"user"].decode())
            made_by_bob = what == "created" and user == bed.bob
            if made_by_bob or int(entry[b"event"]) == bed.event:
                found.append((what, bed.who.get(user, user), entry[b"seats"].decode()))
    return found


async def _told_of(engine: Engine, bed: Bed, accounts: list[Account]) -> list[Entry]:
    """What the accounts' journal says of the bed's, of which one may be gone."""
    own = {each.user for each in [*accounts, bed.account] if each}
    found: list[Entry] = []
    for _, flat in await engine.store.command("XRANGE", keys.USERS_JOURNAL, "-", "+", reads=True):
        entry = dict(zip(flat[::2], flat[1::2], strict=True))
        if UserId(entry[b"user"].decode()) in own:
            found.append((entry[b"what"].decode(), "account", entry[b"note"].decode()))
    return found


async def _money(engine: Engine, bed: Bed) -> tuple[int, tuple[str, ...]]:
    """How many bookings are listed as owed, and why payments are unmatched."""
    _, owed = await engine.payments.owed(bed.event, 0, 100)
    unmatched, _ = await engine.payments.unmatched(bed.event, 0, 100)
    return owed, tuple(sorted(each.reason for each in unmatched))


async def _bookings(engine: Engine, bed: Bed) -> tuple[object, ...]:
    found = await bookings_of(engine, bed.event)
    listed = set[int]().union(*await asyncio.gather(*(_listed(engine, user) for user in bed.who)))
    bookings = (
        (
            bed.who[each.user],
            each.status.value,
            tuple(split_seat_id(seat)[1] for seat in each.seats),
            each.total,
            each.refund or "",
            tuple((it.amount, it.state.value) for it in each.payments),
            tuple((it.amount, it.reason, it.state) for it in each.refunds),
            each.id in listed,
        )
        for each in found.values()
    )
    return tuple(sorted(bookings))


async def _listed(engine: Engine, user: UserId) -> set[int]:
    page, _ = await engine.bookings.page(user, 0, 100)
    return {booking.id for booking in page}


async def _event(engine: Engine, bed: Bed) -> object:
    event = await engine.events.get(bed.event)
    return event and (bed.who.get(event.organizer or bed.ann), fields.of_event(event))


async def _places(engine: Engine, bed: Bed) -> tuple[object, ...]:
    standings = [await engine.tickets.standing(bed.event, user) for user in bed.who]
    return tuple((bed.who[it.user], it.status.value, it.position) for it in standings if it)


async def _shares(engine: Engine, bed: Bed) -> tuple[object, ...]:
    shares = keys.of_event(bed.event).shares
    flat = await engine.store.command("HGETALL", shares, reads=True)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    parts = ((bed.who[UserId(it.decode())], re.findall(rb"[:=]\d+", share)) for it, share in pairs)
    return tuple(sorted((who, tuple(sorted(counts))) for who, counts in parts))


async def _left(engine: Engine, bed: Bed) -> tuple[bool, ...]:
    own = keys.of_event(bed.event)
    looks = (
        ("SISMEMBER", own.chores, bed.event),
        ("SISMEMBER", own.promote, bed.event),
        ("ZSCORE", own.openings, bed.event),
        ("ZSCORE", keys.EVENTS_INDEX, bed.event),
        ("EXISTS", bed.bucket),
        ("HEXISTS", own.gone, bed.event),
    )
    return tuple([bool(await engine.store.command(*look, reads=True)) for look in looks])


async def _accounts(engine: Engine, bed: Bed) -> list[Account]:
    """Those that have a name of the bed's; were one made twice, there would be two."""
    last = int(await engine.store.command("GET", keys.USERS_NEXT, reads=True) or 0)
    ids = map(AccountId, range(bed.accounts_from, last + 1))
    found = await asyncio.gather(*map(engine.accounts.get, ids))
    names = {bed.name(who) for who in bed.who.values()}
    return [account for account in found if account and account.username in names]


async def _account(engine: Engine, bed: Bed, account: Account) -> object:
    tokens = await engine.store.command("HKEYS", keys.account_tokens(account.id), reads=True)
    return (
        account.username.removesuffix(str(bed.number)),
        account.role.value,
        account.password,
        bed.account is not None and account.generation == bed.account.generation,
        await engine.accounts.by_email(account.email) == account,
        tuple(sorted(token.decode().removeprefix(bed.token("")) for token in tokens)),
    )


async def _names(engine: Engine, bed: Bed) -> tuple[bool, ...]:
    looks = [
        *((keys.EMAILS, bed.email(who)) for who in bed.who.values()),
        *((keys.USERNAMES, bed.name(who)) for who in bed.who.values()),
        *((keys.TOKENS, bed.token(which)) for which in ("first", "second", "third")),
    ]
    found = [await engine.store.command("HEXISTS", *look, reads=True) for look in looks]
    return tuple(map(bool, found))
