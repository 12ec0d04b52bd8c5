"""Places that cost something: given away only by those who may."""

from typing import Any

from billetter.domain.account import Account, Role
from tests.api.client import Api, granted, outcome, refused
from tests.api.people import Operator, bearer


async def person(api: Api, operator: Operator, role: Role = Role.ATTENDEE) -> tuple[Account, Api]:
    account = await operator.appoint(role)
    return account, api.as_(bearer(account))


async def mixed(host: Api, free: int = 1, paid: int = 1) -> int:
    """An event with places that cost something, and others that do not."""
    zones = [
        {"name": "Stalls", "price": "150.00", "capacity": paid},
        {"name": "Lawn", "price": "0.00", "capacity": free},
    ]
    return await host.make_event(zones=zones)


async def standing(api: Api, event: int, account: Account) -> Any:
    return granted(await api.get(f"/api/booking-status/{event}/{account.id}"))["booking"]


async def left(api: Api, event: int) -> Any:
    return granted(await api.get(f"/api/events/{event}/availability"))["left"]


async def test_nobody_helps_themselves_to_what_costs_something(
    strict: Api, operator: Operator
) -> None:
    _, host = await person(strict, operator, Role.ORGANIZER)
    ann, anns = await person(strict, operator)
    event = await host.make_event(price="150.00", totalCapacity=5)
    answer = await anns.reserve(event, ann.id)
    assert (answer.status_code, answer.json()) == (409, {"error": "payment_required"})
    assert outcome(answer) == "PAYMENT_REQUIRED"
    refused(await anns.stand(event, ann.id), 409, "payment_required")
    assert (await host.analytics(event))["sold_seats"] == 0
    assert await strict.broken_rules(event) == []


async def test_what_costs_nothing_is_for_everybody(strict: Api, operator: Operator) -> None:
    _, host = await person(strict, operator, Role.ORGANIZER)
    ann, anns = await person(strict, operator)
    bob, bobs = await person(strict, operator)
    event = await mixed(host)
    granted(await anns.reserve(event, ann.id), 201)
    refused(await anns.stand(event, ann.id), 409, "already_booked")
    refused(await bobs.stand(event, bob.id), 409, "payment_required")
    assert (await host.analytics(event))["total_revenue"] == "0.00"


async def test_who_may_give_anything(strict: Api, operator: Operator) -> None:
    host, hosts = await person(strict, operator, Role.ORGANIZER)
    rival, rivals = await person(strict, operator, Role.ORGANIZER)
    admin, admins = await person(strict, operator, Role.ADMIN)
    _, office = await person(strict, operator, Role.SERVICE)
    event = await hosts.make_event(price="150.00", totalCapacity=5)
    granted(await hosts.reserve(event, host.id), 201)
    granted(await admins.reserve(event, admin.id), 201)
    granted(await office.reserve(event, "walk-in"), 201)
    assert granted(await rivals.reserve(event, rival.id), 409) == {"error": "payment_required"}


async def test_a_place_that_was_given_owes_nothing(strict: Api, operator: Operator) -> None:
    host, hosts = await person(strict, operator, Role.ORGANIZER)
    event = await hosts.make_event(price="150.00", totalCapacity=5)
    place = granted(await hosts.reserve(event, host.id), 201)["booking_id"]
    answer = await hosts.give_back(place)
    assert outcome(answer) == "CANCELLED"
    assert (granted(answer)["status"], granted(answer)["refund"]) == ("cancelled", None)
    granted(await hosts.reserve(event, host.id), 201)
    granted(await hosts.give_up(event, host.id))
    listed = granted(await hosts.get(f"/api/events/{event}/refunds"))
    assert listed["refunds"] == []
    assert await strict.broken_rules(event) == []


async def test_who_waits_is_not_given_what_has_come_to_cost(
    strict: Api, operator: Operator
) -> None:
    _, host = await person(strict, operator, Role.ORGANIZER)
    people = [await person(strict, operator) for _ in range(3)]
    event = await host.make_event(price="0.00", totalCapacity=1)
    for account, api in people:
        granted(await api.stand(event, account.id))
    await host.put(f"/api/events/{event}", {"zones": [{"number": 1, "price": "9.00"}]})
    (first, firsts), (second, seconds), (third, thirds) = people
    granted(await firsts.give_up(event, first.id))
    assert (await standing(seconds, event, second))["waiting_position"] == 1
    assert await left(host, event) == 1
    opened = granted(await thirds.open(event, ticket_type_id=event * 1_000 + 1, quantity=1), 201)
    granted(await thirds.cancel(opened["id"]))
    await host.put(f"/api/events/{event}", {"zones": [{"number": 1, "price": "0.00"}]})
    assert (await standing(seconds, event, second))["status"] == "confirmed"
    assert (await standing(thirds, event, third))["waiting_position"] == 1
    assert await strict.broken_rules(event) == []


async def test_who_waits_for_what_costs_nothing_blocks_nobody(
    strict: Api, operator: Operator
) -> None:
    _, host = await person(strict, operator, Role.ORGANIZER)
    _, office = await person(strict, operator, Role.SERVICE)
    ann, anns = await person(strict, operator)
    event = await mixed(host)
    for name in ("one", "two"):
        granted(await office.reserve(event, name), 201)
    assert granted(await anns.stand(event, ann.id))["booking"]["waiting_position"] == 1
    waiting = granted(await office.stand(event, "three"))["booking"]
    assert waiting["waiting_position"] == 2
    granted(await office.give_up(event, "one"))
    told = granted(await office.get(f"/api/booking-status/{event}/three"))["booking"]
    assert told["status"] == "confirmed"
    assert (await standing(anns, event, ann))["waiting_position"] == 1
    granted(await office.give_up(event, "two"))
    assert (await standing(anns, event, ann))["status"] == "confirmed"
    assert await strict.broken_rules(event) == []


async def test_a_place_is_given_up_in_time_only(any_api: Api) -> None:
    late = "2020-01-01T00:00:00Z"
    event = await any_api.make_event(price="0.00", totalCapacity=1)
    granted(await any_api.stand(event, "ann"))
    granted(await any_api.stand(event, "bob"))
    granted(await any_api.put(f"/api/events/{event}", {"starts_at": late}))
    refused(await any_api.give_up(event, "ann"), 409, "too_late")
    granted(await any_api.give_up(event, "bob"))
    assert await any_api.broken_rules(event) == []
