"""What an audit saw."""

from dataclasses import dataclass, field

from billetter.domain.ids import EventId


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be, or cannot be read. mended: it has been set right.

    event: None where it is of no event, or nobody can say of which.
    """

    event: EventId | None
    what: str
    mended: bool = False


@dataclass(slots=True)
class Report:
    """What an audit saw. unreplayed: events whose journal no longer has their creation."""

    events: int = 0
    bookings: int = 0
    seats: int = 0
    violations: list[Violation] = field(default_factory=list)
    unreplayed: list[EventId] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return all(violation.mended for violation in self.violations)
