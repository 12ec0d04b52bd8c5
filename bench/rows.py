"""All rows, in the order of their numbers."""

from bench import claims, credentials, http, memory, scaling, selling
from bench.run import Row

ROWS: list[Row] = sorted(
    [
        *claims.ROWS,
        *credentials.ROWS,
        *http.ROWS,
        *memory.ROWS,
        *scaling.ROWS,
        *selling.ROWS,
    ],
    key=lambda row: row.row,
)
