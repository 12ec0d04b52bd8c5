"""Is it alive, is it ready, and back to the beginning."""

from billetter.api.call import Call
from billetter.api.endpoint import ADMINS, EVERYBODY, get, post
from billetter.api.replies import Reply, reply
from billetter.domain.outcome import NotReady

HEALTHY = reply(200, {"status": "ok"})
RESET = reply(200, {"status": "reset"}, (b"billetter-outcome", b"RESET"))


@get("/health", roles=EVERYBODY, group=None)
async def health(call: Call) -> Reply:
    """The process answers; it says nothing of Redis."""
    return HEALTHY


@get("/ready", roles=EVERYBODY, group=None)
async def ready(call: Call) -> Reply:
    """Redis answers and takes writes, and what it does to keep what it is told."""
    try:
        redis = await call.engine.readiness.look()
    except NotReady as error:
        body = {"status": "not_ready", "reason": error.reason}
        return reply(503, body, (b"retry-after", b"1"))
    body = {"status": "ready", "redis": redis.version, "durability": redis.durability}
    return reply(200, body)


@post("/api/reset", roles=ADMINS, trusting=True, resetting=True)
async def reset(call: Call) -> Reply:
    await call.engine.reset.run(call.user, call.idempotency)
    return RESET


ENDPOINTS = [health, ready, reset]
