"""Why an address did not answer, in a person's words: never an errno, never a library's name for it."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator, Sequence

from bakery.core import proxies

NO_NAME = "its name is not found (DNS)"
NO_DNS = "no DNS server answers"
NO_ROUTE = "there is no way to it from here"
REFUSED = "connection refused"
TOO_LATE = "no answer in time"
UNTRUSTED = "its certificate is not trusted here"
_NUMBER = re.compile(r"\[Errno -?\d+\] |\s*\(_ssl\.c:\d+\)")
_NO_TLS = "no TLS is spoken there"
_WORDS = (
    (ConnectionRefusedError, REFUSED),
    ((ConnectionResetError, BrokenPipeError, ConnectionAbortedError), "the connection was cut"),
    (TimeoutError, TOO_LATE),
)
_OF_A_PROXY = {"ProxyError", "ProxyConnectionError"}
"""What httpx and botocore call a proxy that does not do what it should."""


def reason(error: BaseException) -> str:
    """Return what went wrong between here and there, whatever library says it in whatever exception."""
    chain = tuple(_chain(error))
    for one in chain:
        if words := _words(one):
            return words
    if type(error).__name__ == "ResponseParserError":  # botocore's has pages of what came
        return "what answers there is something else: a proxy, or a network that wants a login?"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:  # httpx's own text has the address once more, and one where HTTP is explained
        return f"HTTP {status}"
    text = _NUMBER.sub("", str(error)).strip()
    if type(error).__name__ in _OF_A_PROXY:
        return f"the proxy says {text}"
    return text or "no answer"


def likeliest(problems: Sequence[str], *, is_any_there: bool) -> str:
    """Return the one cause that most likely explains all *problems*; empty where there is no such thing.

    *is_any_there* says whether another address did answer at the same time.
    """
    named = set(problems)
    if not named:
        return ""
    if not is_any_there and proxy() and named <= {REFUSED, NO_ROUTE, TOO_LATE, NO_NAME}:
        return f"the proxy {proxy()} does not answer"
    if named <= {NO_NAME, NO_DNS}:
        whole = "no name is found: this machine has no network or no DNS, or needs a proxy"
        return "this network's DNS does not know every name" if is_any_there else whole
    if named == {NO_ROUTE}:
        return "this machine has no network"
    is_untrusted = all(problem.startswith(UNTRUSTED) for problem in named)
    return "something in between signs with a certificate of its own" if is_untrusted else ""


def proxy() -> str:
    """Return the proxy that the environment names, without the password that may be in it; empty for none."""
    return proxies.shown(os.environ)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error and those that it was raised from; botocore keeps the inner one in `kwargs`."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [getattr(one, "kwargs", {}).get("error"), one.__cause__, one.__context__]


def _words(error: BaseException) -> str:
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, socket.gaierror):
        return NO_DNS if error.errno == socket.EAI_AGAIN else NO_NAME
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{UNTRUSTED}: {getattr(error, 'verify_message', '') or 'it cannot be checked'}"
    if isinstance(error, OSError) and error.errno:
        is_lost = error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
        return NO_ROUTE if is_lost else _NO_TLS if isinstance(error, ssl.SSLError) else (error.strerror or "").lower()
    return ""
