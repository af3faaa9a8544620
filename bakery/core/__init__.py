"""What every room stands on: one form of error, progress, programs, files written whole, the way to a web server."""

__all__ = [
    "checkout",
    "console",
    "errors",
    "files",
    "folders",
    "http",
    "http_client",
    "parallel",
    "ports",
    "process",
    "proxies",
    "reasons",
    "scratch",
    "texts",
    "tools",
    "waiting",
]
