"""Events that were taken away: they do not come back, and neither do their ids."""

from tests.api.client import Api, granted, outcome, refused, seat_of


async def remove(api: Api, event: int) -> None:
    assert outcome(await api.delete(f"/api/events/{event}")) == "REMOVED"


async def test_a_creation_that_is_repeated_after_the_end_makes_nothing(any_api: Api) -> None:
    size = {"rows": 1, "seats_per_row": 5}
    first = await any_api.create("made-once", **size)
    event = granted(first, 201)["id"]
    booking = await any_api.book(event, seat_of(event, 0))
    granted(await any_api.cancel(booking))
    await remove(any_api, event)
    again = await any_api.create("made-once", **size)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert outcome(again) == "CREATED"
    refused(await any_api.get(f"/api/events/{event}"), 404, "event_not_found")
    refused(await any_api.open(event), 404, "event_not_found")
    refused(await any_api.put(f"/api/events/{event}", {"title": "B"}), 404, "event_not_found")
    listed = granted(await any_api.get("/api/events"))
    assert event not in [each["id"] for each in listed]
    other = await any_api.create("made-twice", **size)
    assert granted(other, 201)["id"] > event


async def test_so_does_one_for_users_who_wait(any_api: Api) -> None:
    body = {"totalTickets": 3, "name": "A queue"}
    first = await any_api.post("/api/initialize", body, "queue-once")
    event = granted(first, 201)["event"]["id"]
    granted(await any_api.put(f"/api/events/{event}", {"title": "Another name"}))
    for _ in range(2):
        again = await any_api.post("/api/initialize", body, "queue-once")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        gone = await any_api.delete(f"/api/events/{event}")
        assert gone.status_code in (200, 404)
    refused(await any_api.get(f"/api/status/{event}"), 404, "event_not_found")


async def test_a_kind_of_tickets_that_is_repeated_after_the_end(any_api: Api) -> None:
    event = await any_api.make_event(totalCapacity=3)
    path = f"/api/events/{event}/ticket-types"
    body = {"name": "Late", "price": "5.00", "quantity": 2}
    first = await any_api.post(path, body, "kind-once")
    granted(first, 201)
    await remove(any_api, event)
    again = await any_api.post(path, body, "kind-once")
    assert (again.status_code, again.content) == (201, first.content)
    refused(await any_api.post(path, body, "kind-later"), 404, "event_not_found")


async def test_nothing_of_it_can_be_paid(any_api: Api) -> None:
    event = await any_api.make_event()
    booking = await any_api.book(event)
    await remove(any_api, event)
    refused(await any_api.pay(booking), 404, "booking_not_found")


async def test_ids_go_on_after_a_reset(alone: Api) -> None:
    event = await alone.make_event()
    await alone.book(event, seat_of(event, 0))
    granted(await alone.post("/api/reset", None))
    kept = await alone.redis("HGET", f"{{p{event % 64:02}}}:gone", event)
    assert kept.split(b":")[0] == b"1"
    assert await alone.make_event() > event
