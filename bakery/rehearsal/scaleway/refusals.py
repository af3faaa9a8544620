"""How a call is refused: status and body as scaleway-sdk-go reads them (scw/errors.go, and the bodies in its tests)."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from bakery.rehearsal.scaleway.shapes import Problem


class RefusedError(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: HTTPStatus, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"type": kind, "message": message, **more}


def not_found(resource: str, identity: str) -> RefusedError:
    """What is not there, or not in this zone, or not this project's."""
    told = {"resource": resource, "resource_id": identity}
    return RefusedError(HTTPStatus.NOT_FOUND, "not_found", "resource is not found", **told)


def invalid(problems: Sequence[Problem]) -> RefusedError:
    """Arguments that cannot be."""
    details = [{"argument_name": one.field, "reason": one.reason, "help_message": one.words} for one in problems]
    return RefusedError(HTTPStatus.BAD_REQUEST, "invalid_arguments", "invalid argument(s)", details=details)


def constraint(field: str, words: str) -> RefusedError:
    """One argument that does not go with what is there."""
    return invalid([Problem(field=field, reason="constraint", words=words)])


def wrong_state(message: str) -> RefusedError:
    """An act that a server's state does not allow: `server should be running`."""
    return RefusedError(HTTPStatus.BAD_REQUEST, "invalid_request_error", message)


def transient(resource: str, identity: str, state: str) -> RefusedError:
    """A thing that is still becoming something else."""
    told = {"resource": resource, "resource_id": identity, "current_state": state}
    return RefusedError(HTTPStatus.CONFLICT, "transient_state", "resource is in a transient state", **told)


def in_use(message: str) -> RefusedError:
    """A thing of the Instance API that another one needs: `Group is in use.`, say."""
    return RefusedError(HTTPStatus.CONFLICT, "conflict", message)


def still_referenced(resource: str, identity: str) -> RefusedError:
    """A thing of the Block API that another one refers to; its words are assumed, its type is in scw/errors.go."""
    told = {"precondition": "resource_still_in_use", "resource": resource, "resource_id": identity}
    return RefusedError(HTTPStatus.PRECONDITION_FAILED, "precondition_failed", "precondition is not respected", **told)


def quota(resource: str, *, most: int) -> RefusedError:
    """One more of a thing than a project may have."""
    details = [{"resource": resource, "quota": most, "current": most}]
    return RefusedError(HTTPStatus.FORBIDDEN, "quotas_exceeded", "quota(s) exceeded for this resource", details=details)


def out_of_stock(commercial_type: str) -> RefusedError:
    """A type that the zone has no more of."""
    return RefusedError(HTTPStatus.FORBIDDEN, "out_of_stock", "resource is out of stock", resource=commercial_type)


def denied(resource: str, action: str) -> RefusedError:
    """Something of another project, or that a project may not do."""
    details = [{"resource": resource, "action": action}]
    return RefusedError(HTTPStatus.FORBIDDEN, "permissions_denied", "insufficient permissions", details=details)


def unknown_key() -> RefusedError:
    """A secret key that nobody has."""
    told = {"method": "api_key", "reason": "not_found"}
    return RefusedError(HTTPStatus.UNAUTHORIZED, "denied_authentication", "authentication is denied", **told)


def not_rehearsed(what: str) -> RefusedError:
    """Something that can be asked of Scaleway and not of a rehearsal: better refused than left out of the answer."""
    message = f"the rehearsal cloud has no {what}"
    return RefusedError(HTTPStatus.NOT_IMPLEMENTED, "not_rehearsed", message)
