"""A Scaleway for the tests of its room alone: what is called of it, in memory, with states that take their time.

What answers look like is what the SDK reads; what is refused is said in scaleway-sdk-go's words for it (scw/errors.go).
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bakery.clouds.scaleway import account as scaleway
from bakery.clouds.scaleway.account import Account
from bakery.clouds.scaleway.credentials import Keys
from tests.scaleway_storage import Storage

PROJECT = "11111111-2222-3333-4444-555555555555"
SECRET = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"  # of nobody
ACCESS = "SCWXXXXXXXXXXXXXXXXX"
BASE = "00000000-0000-4000-8000-000000000001"
LOCAL_BASE = "00000000-0000-4000-8000-000000000002"
QCOW2 = b"QFI\xfb"
TYPES = {
    "DEV1-S": {"arch": "x86_64", "hourly_price": 0.5, "volumes_constraint": {"min_size": 0, "max_size": 20 * 10**9}},
    "PLAY2-NANO": {"arch": "x86_64", "hourly_price": 0.25, "volumes_constraint": None},
    "COPARM1-2C-8G": {"arch": "arm64", "hourly_price": 0.75, "volumes_constraint": None},
}


class RefusedError(Exception):
    """A refusal: its status, and its body."""

    def __init__(self, status: int, type_: str, **body: Any) -> None:
        super().__init__(type_)
        self.status, self.body = status, {"type": type_, "message": type_.replace("_", " "), **body}


def not_found(resource: str, identity: str) -> RefusedError:
    return RefusedError(404, "not_found", resource=resource, resource_id=identity)


@dataclass(kw_only=True)
class Cloud:
    """All zones; *steps* is how often what takes its time is looked at until it is done."""

    url: str = ""
    steps: int = 2
    things: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    users: dict[str, bytes] = field(default_factory=dict)
    """User-data by server."""
    events: list[str] = field(default_factory=list)
    """What was changed, in order."""
    storage: Storage = field(default_factory=Storage)
    short: set[str] = field(default_factory=set)
    """Types that are out of stock, as a start is told."""
    lost: set[str] = field(default_factory=set)
    """Calls that are carried out once and not answered."""
    faults: list[tuple[int, bytes]] = field(default_factory=list)
    """What the next calls of its API are answered instead: status and body."""
    clients: dict[str, Any] = field(default_factory=dict)
    """What speaks to its object storage, for all accounts: making one takes longer than all else."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def reset(self) -> None:
        """Let it be as it was in the beginning, but for its buckets."""
        self.things, self.events, self.storage = {}, [], Storage(buckets=self.storage.buckets)

    def of(self, kind: str, zone: str = "") -> dict[str, dict[str, Any]]:
        """Return things of a kind, in one zone or all."""
        held = self.things.setdefault(kind, {})
        return {key: one for key, one in held.items() if not zone or one["zone"] == zone}

    def one(self, kind: str, identity: str, zone: str) -> dict[str, Any]:
        found = self.of(kind, zone).get(identity)
        if found is None:
            raise not_found(kind, identity)
        return found

    def add(self, kind: str, zone: str, **values: Any) -> dict[str, Any]:
        identity, now = str(uuid.uuid4()), datetime.now(UTC).isoformat()
        told = {"organization": PROJECT, "project": PROJECT, "project_id": PROJECT, "tags": [], "name": kind}
        told |= {"creation_date": now, "modification_date": now, "created_at": now, "updated_at": now}
        made = {**told, **values, "id": identity, "zone": zone}
        self.things.setdefault(kind, {})[identity] = made
        self.events.append(f"{zone} add {kind}")
        return made

    def drop(self, kind: str, identity: str, zone: str) -> None:
        self.one(kind, identity, zone)
        del self.things[kind][identity]
        self.events.append(f"{zone} drop {kind}")

    def step(self, thing: dict[str, Any], key: str, becomes: str) -> None:
        """Let what takes its time get on."""
        thing["left"] = thing.get("left", self.steps) - 1
        if thing["left"] <= 0:
            thing[key] = becomes

    def put(self, zone: str, name: str, *, tags: list[str], created_at: str = "") -> str:
        """Put a whole image with a snapshot there, as a bake leaves it; return its id."""
        snapshot = self.add("snapshot", zone, name=name, size=43 * 10**9, status="available", tags=tags)
        image = self.add_image(zone, {"name": name, "root_volume": snapshot["id"], "arch": "x86_64", "tags": tags})
        if created_at:
            image["creation_date"] = created_at
        return str(image["id"])

    def add_image(self, zone: str, told: dict[str, Any]) -> dict[str, Any]:
        block, local = self.of("snapshot", zone), self.of("local", zone)
        held = {**block, **local}.get(told["root_volume"])
        if held is None:
            raise not_found("snapshot", told["root_volume"])
        if held.get("status", held.get("state")) != "available":
            raise RefusedError(
                409, "transient_state", resource="snapshot", resource_id=held["id"], current_state="creating"
            )
        kind = "sbs_snapshot" if held["id"] in block else "l_ssd"
        root = {"id": held["id"], "name": held["name"], "size": held["size"], "volume_type": kind}
        kept = {key: told.get(key) for key in ("name", "arch")}
        extra = {"extra_volumes": {}, "from_server": "", "public": False, "state": "available"}
        return self.add("image", zone, **extra, **kept, root_volume=root, tags=told.get("tags") or [])


Act = Callable[..., Any]
ROUTES: list[tuple[str, re.Pattern[str], str, Act]] = []


def route(method: str, path: str, service: str = "instance/v1") -> Callable[[Act], Act]:
    def note(act: Act) -> Act:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", f"/{service}/zones/(?P<zone>[^/]+)/{path}")
        ROUTES.append((method, re.compile(pattern), path, act))
        return act

    return note


BLOCK = "block/v1"
KINDS = {
    "images": ("image", "image"),
    "snapshots": ("local", "snapshot"),
    "servers": ("server", "server"),
    "ips": ("ip", "ip"),
    "security_groups": ("group", "security_group"),
    "volumes": ("local volume", "volume"),
}


def _crud(plural: str, kind: str, name: str) -> None:
    @route("GET", plural)
    def listing(cloud: Cloud, zone: str, query: dict[str, str], body: Any) -> Any:
        found = [*cloud.of(kind, zone).values()]
        page, size = int(query.get("page", 1)), int(query.get("per_page", 50))
        return {plural: found[(page - 1) * size : page * size], "total_count": len(found)}

    @route("GET", f"{plural}/{{identity}}")
    def get(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
        found = cloud.one(kind, identity, zone)
        if kind == "server" and found["state"] == "starting":
            cloud.step(found, "state", "running")
        if kind == "server" and found["state"] == "stopping":
            _end_server(cloud, found, zone)
        if kind == "local" and found["state"] in {"importing", "exporting"}:
            cloud.step(found, "state", "available")
        return {name: found}

    @route("PATCH", f"{plural}/{{identity}}")
    def change(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
        cloud.one(kind, identity, zone).update({key: value for key, value in body.items() if value is not None})
        cloud.events.append(f"{zone} change {kind}")
        return {name: cloud.one(kind, identity, zone)}


for _plural, (_kind, _name) in KINDS.items():
    _crud(_plural, _kind, _name)


@route("POST", "images")
def create_image(cloud: Cloud, zone: str, query: Any, body: Any) -> Any:
    return {"image": cloud.add_image(zone, body)}


@route("DELETE", "images/{identity}")
def delete_image(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    cloud.drop("image", identity, zone)


def _use(cloud: Cloud, identity: str, zone: str) -> None:
    if any(one["root_volume"]["id"] == identity for one in cloud.of("image", zone).values()):
        raise RefusedError(412, "precondition_failed", precondition="resource_still_in_use")


@route("DELETE", "snapshots/{identity}")
def delete_local(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    _use(cloud, identity, zone)
    cloud.drop("local", identity, zone)


@route("DELETE", "snapshots/{identity}", BLOCK)
def delete_snapshot(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    _use(cloud, identity, zone)
    cloud.drop("snapshot", identity, zone)


def _read_object(cloud: Cloud, zone: str, body: Any) -> int:
    if not body["name"]:
        raise RefusedError(400, "invalid_arguments", details=[{"argument_name": "name", "reason": "required"}])
    data = cloud.storage.read(zone.rpartition("-")[0], body["bucket"], body["key"])
    if data is None:
        raise not_found("object", body["key"])
    return int(body.get("size") or 43 * 10**9)


@route("POST", "snapshots/import-from-object-storage", BLOCK)
def read_in(cloud: Cloud, zone: str, query: Any, body: Any) -> Any:
    size = _read_object(cloud, zone, body)
    told = {"name": body["name"], "tags": body["tags"], "size": size, "status": "creating"}
    return cloud.add("snapshot", zone, **told, file=cloud.storage.read(zone[:-2], body["bucket"], body["key"]))


@route("POST", "snapshots")
def read_in_local(cloud: Cloud, zone: str, query: Any, body: Any) -> Any:
    size = _read_object(cloud, zone, body)
    told = {"name": body["name"], "tags": body["tags"], "size": size, "state": "importing", "volume_type": "l_ssd"}
    return {"snapshot": cloud.add("local", zone, **told)}


@route("POST", "snapshots/{identity}/export-to-object-storage", BLOCK)
def write_out(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    found = cloud.one("snapshot", identity, zone)
    if found["status"] != "available":
        raise RefusedError(
            409, "transient_state", resource="snapshot", resource_id=identity, current_state=found["status"]
        )
    found.update(status="exporting", left=cloud.steps, to=(zone[:-2], body["bucket"], body["key"]))
    cloud.events.append(f"{zone} export")
    return found


@route("GET", "snapshots", BLOCK)
def list_snapshots(cloud: Cloud, zone: str, query: dict[str, str], body: Any) -> Any:
    return _blocks(cloud, "snapshot", zone, query)


@route("GET", "volumes", BLOCK)
def list_volumes(cloud: Cloud, zone: str, query: dict[str, str], body: Any) -> Any:
    return _blocks(cloud, "volume", zone, query)


def _blocks(cloud: Cloud, kind: str, zone: str, query: dict[str, str]) -> Any:
    found = [{"references": [], "class": "sbs", "public": False, **one} for one in cloud.of(kind, zone).values()]
    page, size = int(query.get("page", 1)), int(query.get("page_size", 50))
    return {f"{kind}s": found[(page - 1) * size : page * size], "total_count": len(found)}


@route("GET", "snapshots/{identity}", BLOCK)
def get_snapshot(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    found = cloud.one("snapshot", identity, zone)
    if found["status"] in {"creating", "exporting"}:
        was = found["status"]
        cloud.step(found, "status", "available")
        if was == "exporting" and found["status"] == "available":
            region, bucket, key = found.pop("to")
            cloud.storage.write(region, bucket, key, found.get("file") or QCOW2 + identity.encode())
    return {"references": [], "class": "sbs", "public": False, **found}


@route("PATCH", "snapshots/{identity}", BLOCK)
def tag_snapshot(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    cloud.one("snapshot", identity, zone)["tags"] = body["tags"]
    cloud.events.append(f"{zone} change snapshot")
    return get_snapshot(cloud, zone, query, body, identity=identity)


@route("GET", "volumes/{identity}", BLOCK)
def get_volume(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    return {"references": [], "type": "sbs_5k", **cloud.one("volume", identity, zone)}


@route("PATCH", "volumes/{identity}", BLOCK)
def tag_volume(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    cloud.one("volume", identity, zone)["tags"] = body["tags"]
    return get_volume(cloud, zone, query, body, identity=identity)


@route("DELETE", "volumes/{identity}", BLOCK)
def delete_volume(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    if cloud.one("volume", identity, zone).get("references"):
        raise RefusedError(412, "precondition_failed", precondition="resource_still_in_use")
    cloud.drop("volume", identity, zone)


@route("GET", "products/servers")
def server_types(cloud: Cloud, zone: str, query: dict[str, str], body: Any) -> Any:
    more = {"alt_names": [], "ncpus": 2, "ram": 2 << 30, "baremetal": False, "scratch_storage_max_volumes_count": 0}
    more |= {"end_of_service": False, "capabilities": {"boot_types": [], "max_file_systems": 0, "block_storage": True}}
    return {"servers": {name: {**more, **one} for name, one in TYPES.items()}, "total_count": len(TYPES)}


@route("GET", "products/servers/availability")
def availability(cloud: Cloud, zone: str, query: dict[str, str], body: Any) -> Any:
    found = {name: {"availability": "shortage" if name in cloud.short else "available"} for name in TYPES}
    return {"servers": found, "total_count": len(found)}


@route("POST", "ips")
def create_ip(cloud: Cloud, zone: str, query: Any, body: Any) -> Any:
    number = len(cloud.of("ip")) + 1
    told = {"address": f"127.0.0.{number}", "type": "routed_ipv4", "state": "detached", "prefix": "", "ipam_id": ""}
    return {"ip": cloud.add("ip", zone, **told, tags=body["tags"], server=None)}


@route("DELETE", "ips/{identity}")
def delete_ip(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    cloud.drop("ip", identity, zone)


@route("POST", "security_groups")
def create_group(cloud: Cloud, zone: str, query: Any, body: Any) -> Any:
    told = {key: body[key] for key in ("name", "description", "tags", "stateful")}
    told |= {key: body[key] for key in ("inbound_default_policy", "outbound_default_policy")}
    more = {"enable_default_security": True, "project_default": False, "servers": [], "state": "available", "rules": []}
    return {"security_group": cloud.add("group", zone, **more, **told)}


@route("GET", "security_groups/{identity}/rules")
def list_rules(cloud: Cloud, zone: str, query: dict[str, str], body: Any, *, identity: str) -> Any:
    rules = cloud.one("group", identity, zone)["rules"]
    page, size = int(query.get("page", 1)), int(query.get("per_page", 50))
    return {"rules": rules[(page - 1) * size : page * size], "total_count": len(rules)}


@route("POST", "security_groups/{identity}/rules")
def create_rule(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    rule = {**body, "id": str(uuid.uuid4()), "zone": zone}
    cloud.one("group", identity, zone)["rules"].append(rule)
    return {"rule": rule}


@route("DELETE", "security_groups/{identity}")
def delete_group(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    if any(one["security_group"]["id"] == identity for one in cloud.of("server", zone).values()):
        raise RefusedError(409, "conflict")
    cloud.drop("group", identity, zone)


@route("POST", "servers")
def create_server(cloud: Cloud, zone: str, query: Any, body: Any) -> Any:
    if body["commercial_type"] in cloud.short:
        raise RefusedError(400, "out_of_stock", resource=body["commercial_type"])
    image = cloud.one("image", body["image"], zone)
    told = ((body.get("volumes") or {}).get("0")) or {}
    size = told.get("size") or image["root_volume"]["size"]
    volume = cloud.add("volume", zone, name=f"{body['name']} root", size=size, status="in_use")
    addresses = [cloud.one("ip", identity, zone) for identity in body["public_ips"]]
    more = {"gateway": "", "netmask": "32", "family": "inet", "dynamic": False, "provisioning_mode": "dhcp"}
    plain: dict[str, Any] = {key: [] for key in ("allowed_actions", "maintenances", "private_nics", "filesystems")}
    plain |= {"hostname": "", "mac_address": "", "state_detail": "", "boot_type": "local", "end_of_service": False}
    disk = {"id": volume["id"], "volume_type": "sbs_volume", "boot": True, "zone": zone, "name": "", "size": None}
    server = cloud.add(
        "server",
        zone,
        **plain,
        **{key: body[key] for key in ("name", "commercial_type", "tags", "dynamic_ip_required")},
        protected=False,
        state="stopped",
        arch=image["arch"],
        image=image,
        public_ips=[
            {**more, "id": ip["id"], "address": ip["address"], "tags": ip["tags"], "ipam_id": "", "state": "attached"}
            for ip in addresses
        ],
        volumes={"0": disk},
        security_group={"id": body["security_group"], "name": ""},
    )
    volume["references"] = [
        {
            "id": server["id"],
            "product_resource_type": "instance_server",
            "product_resource_id": server["id"],
            "type": "exclusive",
            "status": "attached",
        }
    ]
    for ip in addresses:
        ip["server"] = {"id": server["id"], "name": server["name"]}
    return {"server": server}


@route("PATCH", "servers/{identity}/user_data/{key}")
def set_user_data(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str, key: str) -> Any:
    assert (cloud.one("server", identity, zone)["state"], key) == ("stopped", "cloud-init")
    cloud.users[identity] = body


@route("POST", "servers/{identity}/action")
def act(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    server = cloud.one("server", identity, zone)
    allowed = {"poweron": "stopped", "terminate": "running"}
    if server["state"] != allowed[body["action"]]:
        raise RefusedError(400, "invalid_request_error", message=f"server should be {allowed[body['action']]}")
    server.update(state="starting" if body["action"] == "poweron" else "stopping", left=cloud.steps)
    cloud.events.append(f"{zone} {body['action']}")
    return {"task": None}


@route("DELETE", "servers/{identity}")
def delete_server(cloud: Cloud, zone: str, query: Any, body: Any, *, identity: str) -> Any:
    server = cloud.one("server", identity, zone)
    if server["state"] != "stopped":
        raise RefusedError(400, "invalid_request_error", message="server should be stopped")
    _free(cloud, server, zone)


def _end_server(cloud: Cloud, server: dict[str, Any], zone: str) -> None:
    server["left"] -= 1
    if server["left"] <= 0:
        _free(cloud, server, zone)


def _free(cloud: Cloud, server: dict[str, Any], zone: str) -> None:
    for disk in server["volumes"].values():
        cloud.one("volume", disk["id"], zone)["references"] = []
    for ip in server["public_ips"]:
        if ip["id"] in cloud.of("ip", zone):
            cloud.one("ip", ip["id"], zone)["server"] = None
    cloud.drop("server", server["id"], zone)


def _market(query: dict[str, str]) -> Any:
    if not query["image_label"].startswith("ubuntu"):
        raise not_found("image", query["image_label"])
    sbs = query["type"] == "instance_sbs"
    more = {"arch": "x86_64", "zone": query["zone"], "label": query["image_label"], "type": query["type"]}
    found = [{"id": BASE if sbs else LOCAL_BASE, "compatible_commercial_types": ["DEV1-S"], **more}]
    found.append({**found[0], "id": str(uuid.uuid4()), "arch": "arm64"})
    return {"local_images": found if query.get("page", "1") == "1" else [], "total_count": 2}


def answer(cloud: Cloud, method: str, path: str, query: dict[str, str], body: Any) -> Any:
    if path == "/marketplace/v2/local-images":
        return _market(query)
    for known, pattern, _, act_ in ROUTES:
        found = pattern.fullmatch(path)
        if known == method and found:
            words = found.groupdict()
            if words.get("identity") in {BASE, LOCAL_BASE}:
                return {"image": _base(words["identity"], words["zone"])}
            return act_(cloud, words.pop("zone"), query, body, **words)
    raise RefusedError(404, "unknown_resource", message=f"{method} {path}")


def _base(identity: str, zone: str) -> dict[str, Any]:
    kind = "sbs_snapshot" if identity == BASE else "l_ssd"
    root = {"id": str(uuid.uuid4()), "name": "ubuntu", "size": 10 * 10**9, "volume_type": kind}
    more = {"extra_volumes": {}, "from_server": "", "organization": "", "project": "", "tags": [], "arch": "x86_64"}
    dates = {"creation_date": "2026-11-01T10:00:00+00:00", "modification_date": "2026-11-01T10:00:00+00:00"}
    return {
        "id": identity,
        "name": "Ubuntu 24.04",
        "public": True,
        "state": "available",
        "zone": zone,
        "root_volume": root,
        **more,
        **dates,
    }


def _handler(state: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            with state.lock:
                if state.faults and "x-auth-token" in self.headers:
                    status, data = state.faults.pop(0)
                elif "x-auth-token" not in self.headers:
                    status, data = state.storage.answer(self.command, parts.path, query, raw, self.headers)
                else:
                    status, data = self.api(parts.path, query, raw)
                name = f"{self.command} {parts.path.rpartition('/')[2]}"
                headers = {**state.storage.headers}
                state.storage.headers = {}
                is_lost = name in state.lost
                state.lost.discard(name)
            if is_lost:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            for header, value in headers.items():
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(data)

        def api(self, path: str, query: dict[str, str], raw: bytes) -> tuple[int, bytes]:
            if self.headers["x-auth-token"] != SECRET:
                refusal = {"type": "denied_authentication", "method": "api_key", "reason": "not_found"}
                return 401, json.dumps(refusal).encode()
            is_json = "json" in str(self.headers.get("content-type"))
            try:
                found = answer(state, self.command, path, query, json.loads(raw) if is_json and raw else raw)
            except RefusedError as refusal:
                return refusal.status, json.dumps(refusal.body).encode()
            return (200, json.dumps(found, default=len).encode()) if found is not None else (204, b"")

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(cloud: Cloud | None = None) -> Iterator[Cloud]:
    """Run the server while the body runs."""
    state = cloud or Cloud()

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of who has gone before it was answered."""

    with Server(("127.0.0.1", 0), _handler(state)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def account_of(cloud: Cloud, *, secret: str = SECRET) -> Account:
    """Return the account of a server here."""
    keys = Keys(access_key=ACCESS, secret_key=secret, project=PROJECT, api_url=cloud.url, origin="of the tests")
    account = scaleway.rehearse(keys=keys, storage_url=cloud.url)
    account.patience_s, account.clients = 5.0, cloud.clients
    return account
