"""Who runs an event. Each of these says in whose events alone a caller may act; None: in all."""

from billetter.api.call import Call
from billetter.api.endpoint import GATEWAYS
from billetter.api.replies import NO_EVENT, NOT_YOUR_EVENT, Reply
from billetter.domain.account import Role
from billetter.domain.event import Event
from billetter.domain.ids import UserId


def managing(call: Call) -> UserId | None:
    """To change, cancel or delete it, and to see who has booked: administrators in all."""
    return None if call.principal.role is Role.ADMIN else call.user


def settling(call: Call) -> UserId | None:
    """To give money back: services as well, as gateways are."""
    return None if call.principal.role in GATEWAYS else call.user


def giving(call: Call) -> UserId | None:
    """To give away what costs something: guests as well, where there are any."""
    trusted = call.principal.role in GATEWAYS or call.principal.role is Role.GUEST
    return None if trusted else call.user


def counting(call: Call) -> UserId | None:
    """To see what it brought: everybody, where there are guests."""
    return None if call.services.guests else settling(call)


def runs(host: UserId | None, organizer: UserId | None) -> bool:
    """Whether one of those above may act in the events of this organizer."""
    return host is None or host == organizer


def refusal(host: UserId | None, event: Event | None) -> Reply | None:
    """The reply to whoever may not act in this event, or where there is none; None: they may."""
    if event is None:
        return NO_EVENT
    return None if runs(host, event.organizer) else NOT_YOUR_EVENT
