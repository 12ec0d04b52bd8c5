"""Which names this server answers for, and from which web pages it takes changes.

A browser sends what any page tells it to send, and whatever it adds by itself: the address of this
machine, where guests need no credentials, or a password that it remembers (Basic). Two ways lead
from a foreign page to here:

- The page's own name is made to lead to this server (DNS rebinding), so that the browser takes both
  for one site. Then the `Host` is that name, which `Hosts` does not answer for.
- The page sends a request that needs no permission. Then the browser says where it comes from, in
  `Origin` or `Sec-Fetch-Site`, and `Sites` refuses what would change anything.
"""

from collections.abc import Collection, Iterable, Mapping

from starlette.types import Scope

from billetter.api.replies import error
from billetter.domain.network import is_address, is_named

KNOWN_MAX = 1_024
"""Values of Host that are remembered, so that most requests cost a look into a dictionary."""
ALWAYS_ANSWERED = {"/health", "/ready"}
"""Who watches over servers often calls them by names of his own, and learns nothing here."""

ORIGIN, FETCH_SITE, HOST = b"origin", b"sec-fetch-site", b"host"
BY_BROWSERS = frozenset({ORIGIN, FETCH_SITE, b"sec-fetch-mode", b"sec-fetch-dest"})
"""Headers of requests that browsers send, and pages cannot leave out."""

MISDIRECTED = error(
    421,
    "misdirected_request",
    "This server does not answer for that host; BILLETTER_HOSTS names those that it answers for.",
)
CROSS_SITE = error(
    403,
    "cross_site",
    "Pages of other sites may not change anything; BILLETTER_CORS_ORIGINS names those that may.",
)


def path_of(scope: Scope) -> str:
    """The path below the one at which an application that contains this one has mounted it."""
    path: str = scope["path"]
    root = scope.get("root_path")
    return path.removeprefix(root) if root else path


class Hosts:
    """The hosts that are answered for: these names, the loopback's, and addresses; or all of them.

    An address needs no name to be looked up, so nobody can make it lead elsewhere.
    A request without any Host, which HTTP/1.0 allows, comes from no browser.

    names: none, for all there are. known: values of Host that were answered for.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        self._names = {"localhost", "*.localhost", *names} if names else {"*"}
        self.known: set[bytes] = set()

    def answer_for(self, value: bytes, scope: Scope) -> bool:
        """Whether a request with this Host is to be answered."""
        host = value.decode("latin-1").lower()
        if is_address(host) or is_named(host, self._names):
            if len(self.known) >= KNOWN_MAX:
                self.known.clear()
            self.known.add(value)
            return True
        return path_of(scope) in ALWAYS_ANSWERED


class Sites:
    """From which web pages changes are taken: those of this server, and those of `trusted`.

    trusted: origins; `*`: all, as far as no credentials are needed. guests: whether a request needs
    none. Where it does, only those count that browsers send by themselves: a Bearer token is sent
    by the page that has it.
    """

    def __init__(self, trusted: Iterable[str] = (), guests: bool = True) -> None:
        self._trusted = {origin.encode() for origin in trusted}
        self._everybody = b"*" in self._trusted
        self._guests = guests

    def refuse(self, headers: Mapping[bytes, bytes], scope: Scope) -> bool:
        """Whether a request comes from a page of a foreign site, and would act as someone.

        One without both headers comes from no browser, or from one so old that only its Host can
        be checked.
        """
        origin, site = headers.get(ORIGIN), headers.get(FETCH_SITE)
        # Everybody cannot be trusted with what browsers send by themselves.
        if origin in self._trusted or (self._everybody and self._guests):
            return False
        if not self._guests and not _by_itself(headers.get(b"authorization")):
            return False
        if site is not None:
            # It tells for sure: a proxy may have changed the Host, but not this.
            return site not in (b"same-origin", b"none")
        return origin is not None and not _is_own(origin, dict(scope["headers"]).get(HOST, b""))


def _by_itself(authorization: bytes | None) -> bool:
    """Whether a browser may have added these credentials without its page."""
    return authorization is not None and not authorization.lower().startswith(b"bearer")


def _is_own(origin: bytes, host: bytes) -> bool:
    """Whether a page of this origin was loaded from this host. Both may be behind a TLS proxy."""
    scheme, _, authority = origin.partition(b"://")
    usual = b":443" if scheme == b"https" else b":80"
    return bool(authority) and authority == host.lower().removesuffix(usual)
