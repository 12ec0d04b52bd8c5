"""Lists as replies: how many there are in all, and links to what comes before and after."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from billetter.api.replies import Reply, listed
from billetter.api.schemas import Cursored
from billetter.domain.listing import Listed

_PAGING = {"page", "pageSize", "limit", "before", "after"}


def by_cursor(path: str, query: Cursored, items: list[Any], part: Listed[Any]) -> Reply:
    """The links stay good while the list grows."""
    leads = {}
    if part.newer:
        leads["prev"] = {"after": part.newer}
    if part.older:
        leads["next"] = {"before": part.older}
    return _linked(path, query, items, part.total, leads)


def by_page(path: str, query: Cursored, items: list[Any], total: int) -> Reply:
    """The links lead to the pages before and after, of the size asked for."""
    (skip, take, *_), size = query.window, query.size
    numbers = {}
    if skip:
        numbers["prev"] = max(1, min(skip // size, -(-total // size)))
    if skip + take < total:
        numbers["next"] = (skip + take) // size + 1
    leads = {rel: {"page": str(page), "pageSize": str(size)} for rel, page in numbers.items()}
    return _linked(path, query, items, total, leads)


def link(rel: str, path: str, asked: Mapping[str, object]) -> str:
    return f'<{path}?{urlencode(asked)}>; rel="{rel}"'


def with_links(told: Reply, links: Sequence[str]) -> Reply:
    return told.plus((b"link", ", ".join(links).encode())) if links else told


def _linked(
    path: str,
    query: Cursored,
    items: list[Any],
    total: int,
    leads: Mapping[str, Mapping[str, str]],
) -> Reply:
    asked = {name: text for name, text in query.asked.items() if name not in _PAGING}
    if query.pageSize is not None:
        asked["pageSize"] = str(query.pageSize)
    links = [link(rel, path, {**asked, **lead}) for rel, lead in leads.items()]
    return with_links(listed(items, total), links)
