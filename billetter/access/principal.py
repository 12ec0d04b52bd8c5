"""From credentials to the one who calls."""

from dataclasses import dataclass
from typing import Protocol

from billetter.domain.ids import GUEST, UserId


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of one request."""

    user: UserId


class WrongCredentials(Exception):
    """The request carries credentials, and they are nobody's."""


class Doorkeeper(Protocol):
    """Says who a request comes from."""

    async def identify(self, authorization: bytes | None) -> Principal:
        """The principal behind an Authorization header, or behind none."""


class OpenDoor:
    """Everybody is the shared guest; there are no accounts, so any credential is wrong."""

    _guest = Principal(GUEST)

    async def identify(self, authorization: bytes | None) -> Principal:
        if authorization is not None:
            raise WrongCredentials
        return self._guest
