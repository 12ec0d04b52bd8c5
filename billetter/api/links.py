"""Lists as replies: how many there are in all, and links to what comes before and after."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from billetter.api.replies import Reply, listed
from billetter.api.schemas import Cursored, Paged
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
    skip, take, *_ = query.window
    return _linked(path, query, items, total, _pages(skip, take, query.size, total))


def page_links(path: str, query: Paged, total: int) -> list[str]:
    """Links to the pages before and after, where the longest list of a reply has `total` items."""
    leads = _pages(*query.paged, query.size, total)
    return [link(rel, path, lead) for rel, lead in leads.items()]


def link(rel: str, path: str, asked: Mapping[str, object]) -> str:
    return f'<{path}?{urlencode(asked)}>; rel="{rel}"'


def with_links(told: Reply, links: Sequence[str]) -> Reply:
    return told.plus((b"link", ", ".join(links).encode())) if links else told


def _pages(skip: int, take: int, size: int, total: int) -> dict[str, dict[str, str]]:
    numbers = {}
    if skip:
        numbers["prev"] = max(1, min(skip // size, -(-total // size)))
    if skip + take < total:
        numbers["next"] = (skip + take) // size + 1
    return {rel: {"page": str(page), "pageSize": str(size)} for rel, page in numbers.items()}


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
