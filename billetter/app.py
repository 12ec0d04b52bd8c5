"""Composition root: settings → wire → engine → api. The only place that builds things."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any, cast

from pydantic import SecretStr
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from billetter import api
from billetter.access.doorkeeper import AccountsDoor
from billetter.access.passwords import Passwords
from billetter.access.registry import Registry
from billetter.access.tokens import AccessTokens
from billetter.api.accesslog import AccessLog, open_log
from billetter.api.call import Services
from billetter.api.hardening import across_origins
from billetter.api.login_guard import LoginGuard
from billetter.api.sites import Sites
from billetter.application import Application, Service
from billetter.demo import seed
from billetter.domain.network import (
    host_of,
    origin_of,
    parse_hosts,
    parse_networks,
    parse_origins,
)
from billetter.domain.outcome import EngineError, Unavailable
from billetter.domain.policy import parse_policies
from billetter.engine import Engine, Retention
from billetter.settings import Settings
from billetter.wire.errors import NotRun
from billetter.wire.topology import Wire, wire_opener

RETRY_S = 0.5

logger = logging.getLogger("billetter")


def create_app(settings: Settings, redis_url: str, *, hosts: Iterable[str] = ()) -> Application:
    """The ASGI application over the Redis at `redis_url`; it starts even while that is away.

    hosts: names that it answers for beside those of the settings; without any, for all names.
    """
    open_wire = wire_opener(
        redis_url,
        deadline_s=settings.redis_deadline_ms / 1000,
        in_flight_max=settings.in_flight_max,
    )
    names = _host_names(settings, hosts)
    if settings.access_log:
        open_log()

    def build() -> Service:
        wire = open_wire()
        engine = Engine(wire, _retention(settings))
        app = api.build(_services(settings, engine), settings.requests_max, names)
        return Service(_outside(settings, app), _background(settings, wire, engine))

    return Application(build)


def create_served_app(settings: Settings, redis_url: str) -> Application:
    """The application as `billetter serve` runs it.

    Guests are told from nobody, so in open mode any page could reach them through a name of its own
    that leads here (DNS rebinding): only the names of this machine, and those set, are answered.
    """
    open_to_guests = settings.auth == "open"
    own = ("localhost", settings.host.lower()) if open_to_guests else ()
    return create_app(settings, redis_url, hosts=own)


def _host_names(settings: Settings, more: Iterable[str]) -> frozenset[str]:
    """The names to answer for; none: all of them."""
    names = {*more, *parse_hosts(settings.hosts or "")}
    if names and settings.public_url:
        names.add(host_of(settings.public_url))
    return frozenset(names)


def _services(settings: Settings, engine: Engine) -> Services:
    policies = parse_policies(settings.rate_limits)
    guard = LoginGuard(policies, engine.limits)
    registry = Registry(engine.accounts, Passwords(), guard)
    tokens = AccessTokens(_bytes(settings.secret), settings.token_s)
    guests = settings.auth == "open"
    return Services(
        engine,
        AccountsDoor(engine.accounts, registry, tokens, guests=guests),
        registry,
        tokens,
        guests,
        settings.reset == "admin",
        policies,
        hold_ms=settings.hold_s * 1000,
        payment_ms=settings.payment_s * 1000,
        payment_url=settings.payment_url,
        payment_secret=_bytes(settings.payment_secret) if settings.payment_secret else None,
        currency=settings.currency,
        sites=_sites(settings),
    )


def _sites(settings: Settings) -> Sites:
    own = [origin_of(settings.public_url)] if settings.public_url else []
    return Sites([*parse_origins(settings.cors_origins or ""), *own], settings.auth == "open")


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


def _outside(settings: Settings, app: ASGIApp) -> ASGIApp:
    """What an operator may put around the API; nothing by default, as each costs a little."""
    app = across_origins(app, parse_origins(settings.cors_origins or ""))
    if settings.access_log:
        app = AccessLog(app)
    if settings.trusted_proxies:
        proxied: Any = ProxyHeadersMiddleware(
            cast(Any, app), list(parse_networks(settings.trusted_proxies))
        )
        return cast(ASGIApp, proxied)
    return app


def _retention(settings: Settings) -> Retention:
    return Retention(
        settings.keep_ended_s * 1000, settings.journal_keep_s * 1000, settings.journal_max
    )


@contextlib.asynccontextmanager
async def _background(settings: Settings, wire: Wire, engine: Engine) -> AsyncIterator[None]:
    """Prepare Redis, at once if it is there and in the background if not, and keep sweeping."""
    try:
        with contextlib.suppress(NotRun):
            await wire.start()
        async with _prepared(settings, engine):
            yield
    finally:
        await wire.close()


@contextlib.asynccontextmanager
async def _prepared(settings: Settings, engine: Engine) -> AsyncIterator[None]:
    work: list[Coroutine[Any, Any, None]] = []
    try:
        await _prepare(settings, engine)
    except Unavailable:
        work.append(_prepare_later(settings, engine))
    work += [engine.identity.watch(), engine.readiness.watch()]
    if settings.sweep:
        work += [engine.sweeper.run(), engine.upgrade.finish()]
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _prepare(settings: Settings, engine: Engine) -> None:
    await engine.prepare(settings.data_id)
    if settings.demo and not await seed(engine, settings.hold_s * 1000, settings.payment_s * 1000):
        logger.warning("the demo was left out: this Redis holds events already")


async def _prepare_later(settings: Settings, engine: Engine) -> None:
    while True:
        await asyncio.sleep(RETRY_S)
        try:
            return await _prepare(settings, engine)
        except Unavailable as error:
            logger.debug("still not prepared: %s", error)
        except EngineError:
            logger.exception("this Redis cannot be used")
            return
