"""What an event costs before its first seat is taken."""

from tests.api.client import Api

ZONES = [("Golden circle", 10), ("Fan zone", 15), ("Lower tier", 20), ("Middle tier", 25)]
ZONES += [("Upper tier", 30)]


async def footprint(api: Api) -> tuple[int, int]:
    """How many keys there are that stay, and their bytes."""
    found = await api.redis("KEYS", "*")
    keys = [key for key in found if await api.redis("PTTL", key) == -1]
    return len(keys), sum([await api.redis("MEMORY", "USAGE", key, "SAMPLES", 0) for key in keys])


async def made(api: Api, seats_per_row: int) -> tuple[int, int]:
    """Keys and bytes that an event of 10 rows for every percent of it adds."""
    zones = [
        {"name": name, "price": "40000.00", "rows": share * 10, "seats_per_row": seats_per_row}
        for name, share in ZONES
    ]
    keys, size = await footprint(api)
    event = await api.make_event(zones=zones)
    assert (await api.analytics(event))["total_seats"] == 1_000 * seats_per_row
    assert len(await api.seats(event, page=50 * seats_per_row)) == 20
    more_keys, more = await footprint(api)
    return more_keys - keys, more - size


async def test_100_000_seats_cost_what_1_000_cost(alone: Api) -> None:
    small_keys, small = await made(alone, 1)
    large_keys, large = await made(alone, 100)

    assert large < 10_000
    assert abs(large - small) < 512
    # Both have their own hash and journal; the first one also made the index.
    assert (small_keys, large_keys) == (3, 2)
