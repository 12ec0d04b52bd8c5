"""How a call to Redis can fail, told apart by what may have happened on the server."""

import re


class WireError(Exception):
    """A call got no result; which subclass says whether the command may have run."""


class NotRun(WireError):
    """The command had no effect: it was never sent, or the server refused it before it ran.

    code: the first word of the refusal, like OOM or READONLY; empty where the server said nothing.
    """

    def __init__(self, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ReplyLost(WireError):
    """The command was sent and no reply came: it may have run or not."""


class Rejected(WireError):
    """The server ran into an error; a script may have written before it.

    code: the first word of the error reply, like NOSCRIPT, WRONGTYPE or ERR.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# Answers of a server that cannot serve now. Inside a script they come before its first write only:
# Redis checks memory, disk and replicas no more once a script has written, as it could not undo it.
UNAVAILABLE = frozenset(
    {
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOAUTH",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "TRYAGAIN",
    }
)

# Redis 7 puts the code first, always. Before that, an error raised by a call in a script read
#   ERR Error running script (call to f_9e1f...): @user_script:8: WRONGTYPE Operation against ...
#   ERR Error running script (call to f_9e1f...): @user_script:8: @user_script: 8: -OOM command ...
# and one caught by pcall and returned "@user_script: 8: -OOM command ...". Lua's own errors have no
# code ("... @user_script:1: user_script:1: attempt to ..."), so the ERR in front of them stands.
_CODE = re.compile(
    r"(?:ERR Error running script \(call to f_\w+\): )?(?:@\w+: ?\d+: )*-?([A-Z][A-Z0-9]*)\b"
)


def refusal(message: str) -> WireError:
    """The error that an error reply stands for, chosen by its code alone.

    message: the reply's text without the leading "-".
    """
    match = _CODE.match(message)
    code = match[1] if match else "ERR"
    return NotRun(message, code) if code in UNAVAILABLE else Rejected(code, message)
