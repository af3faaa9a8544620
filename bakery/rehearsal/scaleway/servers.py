"""Servers: made of an image and off, then switched on; where their image has a disk, a machine boots from it."""

from typing import Any

from scaleway.instance.v1 import types as instance

from bakery.rehearsal.scaleway import images, machines, networks, refusals, routes, volumes
from bakery.rehearsal.scaleway.ground import Ground, Kind, Thing
from bakery.rehearsal.scaleway.routes import Asked, Route, matching

BASE = "/instance/v1/zones/{zone}/servers"
ONE = BASE + "/{server_id}"
ACTIONS = {
    "stopped": ["poweron", "backup"],
    "running": ["poweroff", "terminate", "reboot", "stop_in_place", "backup"],
    "stopped_in_place": ["poweron", "poweroff", "terminate", "backup"],
}
"""What each state allows; a state that passes allows nothing."""


def view(ground: Ground, server: Thing) -> dict[str, Any]:
    """Return a server as the API shows it; of a block volume it shows the id alone ("Attaching a volume")."""
    held = [_address(one) for one in networks.addresses_of(ground, server)]
    root = server.parts[0]
    disk = {"id": root.id, "boot": False, "zone": server.zone, "volume_type": volumes.BLOCK}
    if root.kind is Kind.VOLUME:
        local = {key: root.shown[key] for key in ("name", "size", "organization", "project", "state")}
        disk |= {**local, "volume_type": volumes.LOCAL, "server": {"id": server.id, "name": server.shown["name"]}}
    return {
        **server.shown,
        "allowed_actions": ACTIONS.get(server.state, []),
        "public_ips": held,
        "public_ip": held[0] if held else None,
        "volumes": {"0": disk},
    }


def _address(found: Thing) -> dict[str, Any]:
    return {
        **{key: found.shown[key] for key in ("id", "address", "tags", "ipam_id")},
        "gateway": "62.210.0.1",
        "netmask": "32",
        "family": "inet",
        "dynamic": not found.data["is_kept"],
        "provisioning_mode": "dhcp",
        "state": "attached",
    }


def one(asked: Asked) -> Thing:
    """Return the server that is named in the path."""
    return asked.ground.one(Kind.SERVER, asked.zone, asked.ids["server_id"], project=asked.project)


def get(asked: Asked) -> dict[str, Any]:
    """Show one."""
    return {"server": view(asked.ground, one(asked))}


def list_(asked: Asked) -> list[dict[str, Any]]:
    """Show this project's."""
    found = matching([*asked.ground.of(Kind.SERVER, asked.zone)], asked)
    state = asked.query.get("state")
    return [view(asked.ground, it) for it in found if it.project == asked.project and state in {None, it.state}]


def update(asked: Asked) -> dict[str, Any]:
    """Rename it, tag it anew, protect it."""
    found = one(asked)
    unknown = {*asked.body} - {"name", "tags", "protected"}
    if unknown:
        raise refusals.not_rehearsed(f"change of {', '.join(sorted(unknown))}")
    images.change(found, asked, "name", "tags", "protected")
    return {"server": view(asked.ground, found)}


def delete(asked: Asked) -> None:
    """Delete one that is off; its disks stay."""
    found = one(asked)
    if found.state != "stopped":
        raise refusals.wrong_state("instance should be powered off")
    if found.shown["protected"]:
        raise refusals.wrong_state("instance is protected")
    leave(asked.ground, found)


def leave(ground: Ground, server: Thing) -> None:
    """Let go of a server's addresses, and of the server."""
    for found in networks.addresses_of(ground, server):
        networks.give(found, None)
        if not found.data["is_kept"]:
            ground.drop(found)
    ground.drop(server)


def act(asked: Asked) -> dict[str, Any]:
    """Switch it on or off (the words of a refusal: scaleway-sdk-go, scw/errors_test.go)."""
    found = one(asked)
    action = asked.body.get("action") or "poweron"
    if action in {"backup", "enable_routed_ip"}:
        raise refusals.not_rehearsed(f"action {action}")
    if action not in ACTIONS.get(found.state, ()):
        raise refusals.wrong_state(f"server should be {'stopped' if action == 'poweron' else 'running'}")
    _ACTS[action](asked, found)
    return {"task": routes.task(asked, f"server_{action}", about=f"/servers/{found.id}")}


def _power_on(asked: Asked, server: Thing) -> None:
    if server.shown["commercial_type"] in asked.ground.short:
        raise refusals.out_of_stock(server.shown["commercial_type"])
    if server.shown["dynamic_ip_required"] and not networks.addresses_of(asked.ground, server):
        networks.give(networks.address(asked, tags=[], is_kept=False), server)
    machines.switch_on(asked.ground, server)


def _power_off(asked: Asked, server: Thing) -> None:
    machines.switch_off(asked.ground, server, to="stopped")


def _stop_in_place(asked: Asked, server: Thing) -> None:
    machines.switch_off(asked.ground, server, to="stopped_in_place")


def _reboot(asked: Asked, server: Thing) -> None:
    if server.parts[0].machine is not None:
        raise refusals.not_rehearsed("way to reboot a machine from outside; reboot it over SSH")
    server.turn("starting", to="running", after_s=asked.ground.pending_s())


def _terminate(asked: Asked, server: Thing) -> None:
    """Delete it with its own disks; block volumes are detached (ServerAction in the SDK)."""
    if server.shown["protected"]:
        raise refusals.wrong_state("instance is protected")

    def end() -> None:
        leave(asked.ground, server)
        for part in server.parts:
            if part.kind is Kind.VOLUME:
                asked.ground.drop(part)

    machines.switch_off(asked.ground, server, to="stopped", is_sudden=True, then=end)


_ACTS = {
    "poweron": _power_on,
    "poweroff": _power_off,
    "stop_in_place": _stop_in_place,
    "reboot": _reboot,
    "terminate": _terminate,
}


def list_data(asked: Asked) -> dict[str, Any]:
    """Show the keys of a server's user-data."""
    return {"user_data": sorted(one(asked).data)}


def get_data(asked: Asked) -> bytes:
    """Show one value."""
    found = one(asked).data.get(asked.ids["key"])
    if found is None:
        raise refusals.not_found("user_data", asked.ids["key"])
    return found


def set_data(asked: Asked) -> None:
    """Keep one value, which comes as plain text."""
    one(asked).data[asked.ids["key"]] = asked.raw


def delete_data(asked: Asked) -> None:
    """Forget one value."""
    get_data(asked)
    del one(asked).data[asked.ids["key"]]


DATA = ONE + "/user_data"
ROUTES = (
    Route(
        action="ListServers",
        method="GET",
        path=BASE,
        handler=list_,
        request=instance.ListServersRequest,
        answer=instance.ListServersResponse,
        listed="servers",
    ),
    Route(action="GetServer", method="GET", path=ONE, handler=get, answer=instance.GetServerResponse),
    Route(
        action="UpdateServer",
        method="PATCH",
        path=ONE,
        handler=update,
        request=instance.UpdateServerRequest,
        answer=instance.UpdateServerResponse,
    ),
    Route(action="DeleteServer", method="DELETE", path=ONE, handler=delete),
    Route(
        action="ServerAction",
        method="POST",
        path=ONE + "/action",
        handler=act,
        request=instance.ServerActionRequest,
        answer=instance.ServerActionResponse,
    ),
    Route(
        action="ListServerUserData",
        method="GET",
        path=DATA,
        handler=list_data,
        answer=instance.ListServerUserDataResponse,
    ),
    Route(action="GetServerUserData", method="GET", path=DATA + "/{key}", handler=get_data),
    Route(action="SetServerUserData", method="PATCH", path=DATA + "/{key}", handler=set_data),
    Route(action="DeleteServerUserData", method="DELETE", path=DATA + "/{key}", handler=delete_data),
)
