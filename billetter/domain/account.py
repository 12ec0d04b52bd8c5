"""What an account is, and what its names may be."""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from billetter.domain.ids import AccountId, UserId, account_user
from billetter.domain.text import identity, shows_nothing

EMAIL_MAX = 254
"""Characters, as RFC 5321 leaves room for them in a path."""
USERNAME_MAX = 64

_EMAIL = re.compile(r'[^\s@:,;<>()"\\]+@[^\s@:,;<>()"\\]+')


class Role(StrEnum):
    """What a caller may do. A guest has no account."""

    GUEST = "guest"
    ATTENDEE = "attendee"
    ORGANIZER = "organizer"
    SERVICE = "service"
    ADMIN = "admin"


OPEN_ROLES = frozenset({Role.ATTENDEE, Role.ORGANIZER})
"""The roles that people may choose for themselves."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands in Redis.

    password: its hash. generation: becomes another one with every change of password or role, so
        that what proved the account before can be told from what does now.
    """

    id: AccountId
    username: str
    email: str
    role: Role
    password: str = field(repr=False)
    created_ms: int
    generation: str

    @property
    def user(self) -> UserId:
        return account_user(self.id)


def compared(name: str) -> str:
    """What two e-mails or two usernames have in common that count as one."""
    return identity(name)


def compared_before(name: str) -> str:
    """The same as it was in earlier versions: accounts of theirs are found by it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def checked_email(email: str) -> str:
    """The e-mail without space around it. ValueError, with a sentence, if it cannot be one."""
    email = email.strip()
    if len(email) > EMAIL_MAX:
        raise ValueError(f"An e-mail has {EMAIL_MAX} characters at most.")
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        raise ValueError("An e-mail looks like ann@example.org.")
    return email


def checked_username(username: str) -> str:
    """The username without space around it. ValueError, with a sentence, if it cannot be one."""
    username = username.strip()
    if not 1 <= len(username) <= USERNAME_MAX:
        raise ValueError(f"A username has 1-{USERNAME_MAX} characters.")
    if not username.isprintable() or shows_nothing(username):
        raise ValueError("A username has printable characters only.")
    return username
