"""All tortures, in the order of their rows."""

from bench.torture import (
    contention,
    deadlines,
    history,
    hostile,
    kills,
    loads,
    memory,
    mutation,
    outages,
    overload,
    power,
    replies,
    restarts,
    sweep,
    torn,
)
from bench.torture.run import Torture

TORTURES: list[Torture] = sorted(
    [
        *contention.TORTURES,
        *deadlines.TORTURES,
        *history.TORTURES,
        *hostile.TORTURES,
        *loads.TORTURES,
        *overload.TORTURES,
        *restarts.TORTURES,
        *sweep.TORTURES,
        *kills.TORTURES,
        *memory.TORTURES,
        *power.TORTURES,
        *torn.TORTURES,
        *replies.TORTURES,
        *outages.TORTURES,
        *mutation.TORTURES,
    ],
    key=lambda torture: torture.row,
)
