"""The domain below which apps get theirs."""

import json
import socket
from contextlib import suppress
from ipaddress import IPv4Address

from dokku import dokku
from files import at, text_of
from node_task import Node, Task, need

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"(?i)(?=.{{1,253}}$)({LABEL}\.)+{LABEL}|none|sslip"


def own_address() -> str:
    """Return the public IPv4 address that the platform tells, as EC2 and Scaleway do, else the one we send from."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        meta = json.loads(text_of(at("/run/cloud-init/instance-data.json")))["ds"]["meta_data"]
        return str(IPv4Address(meta.get("public-ipv4") or meta["public_ip"]["address"]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel only chooses the address
        return str(probe.getsockname()[0])


def set_global(node: Node, task: Task) -> str:
    """Set the global domain."""
    now = text_of(at("/home/dokku/VHOST")).split()
    if "domain" not in node:
        return f"left as it is: {' '.join(now) or 'none'}"
    asked = need(node["domain"], DOMAIN, "a domain such as apps.example.com, or sslip, or none").lower()
    domain = f"{own_address()}.sslip.io" if asked == "sslip" else asked
    if domain == "none" and now:
        dokku("domains:clear-global")
    elif domain != "none" and now != [domain]:
        dokku("domains:set-global", domain)
    return domain
