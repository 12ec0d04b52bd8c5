"""All rows, in the order of their numbers."""

from bench import (
    claims,
    credentials,
    http,
    last,
    layouts,
    memory,
    readers,
    scaling,
    selling,
    tickets,
)
from bench.run import Row

ROWS: list[Row] = sorted(
    [
        *claims.ROWS,
        *credentials.ROWS,
        *http.ROWS,
        *last.ROWS,
        *layouts.ROWS,
        *memory.ROWS,
        *readers.ROWS,
        *scaling.ROWS,
        *selling.ROWS,
        *tickets.ROWS,
    ],
    key=lambda row: row.row,
)
