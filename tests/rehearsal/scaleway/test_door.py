"""The door of the rehearsed APIs: keys, zones, pages, faults, and answers that the SDK reads whole."""

from pathlib import Path

import pytest

from bakery.rehearsal import service
from bakery.rehearsal.faults import Faults
from bakery.rehearsal.scaleway import door, images
from bakery.rehearsal.stage import Call
from tests.scaleway_clients import ZONE, Clients, refused, sdk


def test_calls_are_counted_by_api_zone_and_action(clients: Clients) -> None:
    clients.instance.list_images()
    clients.storage("nl-ams").list_buckets()
    assert clients.rehearsal.calls == [
        Call(number=1, service="instance", region=ZONE, action="ListImages"),
        Call(number=2, service="s3", region="nl-ams", action="GetBucket"),
    ]


# scaleway-sdk-go, scw/errors.go: denied_authentication.
def test_a_key_that_nobody_has_is_refused(clients: Clients) -> None:
    stranger = sdk(clients.rehearsal, secret="00000000-0000-4000-8000-000000000000")
    status, body = refused(stranger.instance.list_images)
    assert (status, body["type"]) == (401, "denied_authentication")


def test_a_key_of_another_project_may_do_nothing_here(clients: Clients, tmp_path: Path) -> None:
    image = clients.image(tmp_path)
    stranger = sdk(clients.rehearsal, secret=service.FOREIGN_SECRET_KEY)
    assert refused(stranger.instance.delete_image, image_id=image.id)[1]["type"] == "permissions_denied"
    assert refused(stranger.instance.list_images)[0] == 403
    at_home = sdk(clients.rehearsal, secret=service.FOREIGN_SECRET_KEY, project=service.FOREIGN_PROJECT)
    assert at_home.instance.list_images().images == []
    assert refused(at_home.instance.get_image, image_id=image.id)[0] == 404


def test_a_zone_that_does_not_exist_is_not_found(clients: Clients) -> None:
    assert refused(clients.instance.list_images, zone="fr-par-9")[1]["resource"] == "zone"


def test_what_is_not_rehearsed_says_so(clients: Clients) -> None:
    status, body = refused(clients.instance.list_placement_groups)
    assert (status, body["type"]) == (501, "not_rehearsed")


# Each List call of the SDK: page and per_page, positive, the second 100 at most.
def test_pages_are_counted_and_linked(clients: Clients, tmp_path: Path) -> None:
    for number in range(3):
        clients.image(tmp_path, name=f"image-{number}")
    answer = clients.raw("GET", "/instance/v1/zones/fr-par-1/images?per_page=2&page=2")
    assert answer.headers["X-Total-Count"] != "3"
    answer = clients.raw("GET", f"/instance/v1/zones/fr-par-1/images?per_page=2&page=2&project={service.PROJECT}")
    assert (len(answer.json()["images"]), answer.headers["X-Total-Count"]) == (1, "3")
    assert "page=1&project=" in answer.headers["Link"]
    assert clients.instance.list_images(per_page=2, page=3).images == []
    assert len(clients.instance.list_images_all(per_page=2)) == 3
    assert len(clients.block.list_snapshots_all(include_deleted=False, page_size=2)) == 3


@pytest.mark.parametrize("query", ["per_page=101", "per_page=0", "page=0", "page=x", "colour=red"])
def test_a_page_that_cannot_be_is_refused(clients: Clients, query: str) -> None:
    assert clients.raw("GET", f"/instance/v1/zones/fr-par-1/images?{query}").json()["type"] == "invalid_arguments"


def test_a_body_that_is_no_object_is_refused(clients: Clients) -> None:
    assert clients.raw("POST", "/instance/v1/zones/fr-par-1/images", data=b"[").status_code == 400


@pytest.mark.parametrize(
    ("faults", "status", "kind"),
    [
        (Faults(throttled=1), 429, "too_many_requests"),
        (Faults(broken=1, seed=1), 500, "internal_error"),
        (Faults(broken=1, seed=3), 503, "temporarily_unavailable"),
    ],
)
def test_faults_come_in_scaleways_words(clients: Clients, faults: Faults, status: int, kind: str) -> None:
    clients.rehearsal.faults = faults
    found, body = refused(clients.instance.list_images)
    assert (found, body["type"]) == (status, kind)


def test_an_answer_that_the_sdk_would_not_read_whole_is_our_own_fault(
    clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = clients.image(tmp_path)
    (route,) = [one for one in images.ROUTES if one.action == "GetImage"]
    told = {"image": {**images.view(clients.rehearsal.ground.things[image.id]), "colour": "red"}}
    call = door.Call(method="GET", path="/instance/", query="", token="", kind="", body=b"")
    with pytest.raises(TypeError, match=r"image\.colour: extra keys"):
        door.told_as_answer(call, route, told, {})


def test_a_reset_leaves_nothing(clients: Clients, tmp_path: Path) -> None:
    clients.image(tmp_path)
    clients.rehearsal.reset()
    assert clients.instance.list_images().images == []
    assert clients.market.list_local_images(image_label="ubuntu_noble", zone=ZONE).total_count == 4
