"""What a kernel says on the console, and which of it is an error of its own."""

import re

ERROR = re.compile(
    r"Kernel panic|\bOops\b|BUG: (?!soft lockup)|Call Trace|general protection|segfault|Out of memory"
    r"|I/O error|EXT4-fs (error|warning)|blocked for more than"
)
STARVED = re.compile(r"soft lockup|self-detected stall|detected stalls")
"""These tell that the host was busy, not that the image is broken."""
REPORT_S = 5.0
"""How long the traces of all processors follow, in seconds of the guest."""
LINE = re.compile(r"^\[ *(\d+\.\d{6})\] (.*)", flags=re.MULTILINE)


def errors(text: str) -> list[str]:
    """Return the lines that tell of an error; traces that belong to a starved guest tell of none."""
    found, starved_at = [], float("-inf")
    for line in text.splitlines():
        said = LINE.match(line)
        at = float(said[1]) if said else 0.0
        if STARVED.search(line):
            starved_at = at
        is_trace_of_it = "Call Trace" in line and at - starved_at < REPORT_S
        if ERROR.search(line) and not is_trace_of_it:
            found.append(line)
    return found
