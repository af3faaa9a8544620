"""Whose keys there are, and their project: what IAM and the account API show of them."""

from typing import Any

from scaleway.account.v3 import types as account
from scaleway.iam.v1alpha1 import types as iam

from bakery.rehearsal import service
from bakery.rehearsal.owner import Keys
from bakery.rehearsal.scaleway import refusals
from bakery.rehearsal.scaleway.routes import Asked, Route

BEGAN = "2026-01-05T08:00:00+00:00"


def project_of(secret: str, owner: Keys) -> str:
    """Return whose a secret key is, empty for nobody's; a foreign project's shows what such a key may not do."""
    known = {owner.scaleway_secret_key: service.PROJECT, service.FOREIGN_SECRET_KEY: service.FOREIGN_PROJECT}
    return known.get(secret, "")


def api_key(asked: Asked) -> dict[str, Any]:
    """Show a key by its public half."""
    access_key = asked.ids["access_key"]
    if (access_key, asked.project) != (asked.ground.keys.scaleway_access_key, service.PROJECT):
        raise refusals.not_found("api_key", access_key)
    return {
        "access_key": access_key,
        "secret_key": None,
        "description": "rehearsal",
        "default_project_id": asked.project,
        "editable": True,
        "deletable": True,
        "managed": False,
        "creation_ip": "127.0.0.1",
        "created_at": BEGAN,
        "updated_at": BEGAN,
        "application_id": service.PROJECT,
    }


def projects(asked: Asked) -> list[dict[str, Any]]:
    """Show the project of the key."""
    return [project(asked)]


def project(asked: Asked) -> dict[str, Any]:
    """Show a project. Raises RefusedError for one of somebody else's."""
    identity = asked.ids.get("project_id", asked.project)
    if identity != asked.project:
        raise refusals.denied("project", "read")
    return {
        "id": identity,
        "name": "default",
        "organization_id": service.ORGANIZATION,
        "description": "",
        "status": "ready",
        "created_at": BEGAN,
        "updated_at": BEGAN,
    }


def ssh_keys(asked: Asked) -> list[dict[str, Any]]:
    """Show the project's SSH keys: none, for nothing of an owner is in a rehearsal."""
    return []


ROUTES = (
    Route(
        action="GetAPIKey",
        method="GET",
        path="/iam/v1alpha1/api-keys/{access_key}",
        handler=api_key,
        answer=iam.APIKey,
    ),
    Route(
        action="ListSSHKeys",
        method="GET",
        path="/iam/v1alpha1/ssh-keys",
        handler=ssh_keys,
        request=iam.ListSSHKeysRequest,
        answer=iam.ListSSHKeysResponse,
        listed="ssh_keys",
    ),
    Route(
        action="ListProjects",
        method="GET",
        path="/account/v3/projects",
        handler=projects,
        request=account.ProjectApiListProjectsRequest,
        answer=account.ListProjectsResponse,
        listed="projects",
    ),
    Route(
        action="GetProject",
        method="GET",
        path="/account/v3/projects/{project_id}",
        handler=project,
        answer=account.Project,
    ),
)
