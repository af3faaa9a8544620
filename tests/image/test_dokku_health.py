"""Health of a machine with two apps: it is there for both, and one that is out of order takes it away from no other."""

from collections.abc import Iterator

import pytest

from tests.image import apps
from tests.image.copy import Copy
from tests.image.test_dokku_restart import RESTORED
from tests.image.test_health import PROBE, ask

pytestmark = [pytest.mark.dokku, pytest.mark.throwaway]
GOOD, BAD = "good", "bad"


@pytest.fixture(scope="module", autouse=True)
def _deployed(first: Copy) -> Iterator[None]:
    with apps.deployed(first, name=GOOD), apps.deployed(first, name=BAD):
        yield


def test_apps_that_answer_are_counted(first: Copy, settings: dict[str, str]) -> None:
    code, _, body = ask(first, settings, before=PROBE)
    assert (code, body["status"], body["checks"]["apps"]) == (200, "healthy", {"ok": True, "value": "2 up"})


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        pytest.param(f"docker stop --time 1 {BAD}.web.1", f"docker start {BAD}.web.1", id="its process has ended"),
        pytest.param(f"docker pause {BAD}.web.1", f"docker unpause {BAD}.web.1", id="its process hangs"),
        pytest.param(
            f": >/home/dokku/{BAD}/nginx.conf && systemctl reload nginx",
            f"dokku proxy:build-config {BAD}",
            id="its vhost is empty",
        ),
    ],
)
def test_an_app_that_does_not_answer_degrades_the_machine_while_another_does(
    first: Copy, settings: dict[str, str], broken: str, mended: str
) -> None:
    degraded = int(settings["BAKERY_HEALTH_DEGRADED_CODE"])
    code, _, body = ask(
        first,
        settings,
        before=f"{{ {broken} && {PROBE}; }}",
        after=f"{{ {mended}; for i in $(seq 30); do {apps.ask(BAD)} && break; sleep 1; done; }}",
    )
    assert (code, body["status"]) == (degraded, "degraded"), body["checks"]
    assert body["checks"]["apps"] == {"ok": False, "value": f"down: {BAD}"}
    assert ask(first, settings, before=PROBE)[0] == 200


def test_an_app_that_cannot_be_restored_is_judged_as_it_is_now(first: Copy, settings: dict[str, str]) -> None:
    degraded = int(settings["BAKERY_HEALTH_DEGRADED_CODE"])
    gone = f"docker rm --force {BAD}.web.1; docker rmi --force dokku/{BAD}:latest"
    restored = (
        f"systemctl start dokku-redeploy.service; {RESTORED} ! systemctl is-failed --quiet dokku-redeploy.service"
    )
    code, _, body = ask(first, settings, before=f"{{ {gone}; {restored} && {PROBE}; }}")
    assert (code, body["status"]) == (degraded, "degraded"), body["checks"]
    assert body["checks"]["restore"] == {"ok": True, "value": "done"}
    assert body["checks"]["apps"] == {"ok": False, "value": f"down: {BAD}"}
    code, _, body = ask(first, settings, before=f"{{ dokku git:from-image {BAD} {apps.IMAGE} && {PROBE}; }}")
    assert (code, body["status"]) == (200, "healthy"), body["checks"]


def test_a_machine_none_of_whose_apps_answers_is_unhealthy(first: Copy, settings: dict[str, str]) -> None:
    both = f"{GOOD}.web.1 {BAD}.web.1"
    code, _, body = ask(
        first,
        settings,
        before=f"{{ docker pause {both} && {PROBE}; }}",
        after=f"{{ docker unpause {both} && {apps.ask(BAD)} && {PROBE}; }}",
    )
    assert (code, body["status"]) == (503, "unhealthy")
    assert body["checks"]["apps"] == {"ok": False, "value": f"down: {BAD} {GOOD}"}


def test_an_expired_certificate_of_a_forgotten_app_degrades_the_machine(first: Copy, settings: dict[str, str]) -> None:
    made = apps.certificate("old", days=-1, folder="/home/dokku/old/tls")
    code, _, body = ask(first, settings, before=f"{{ {made} && {PROBE}; }}", after=f"rm -r /home/dokku/old; {PROBE}")
    assert (code, body["status"]) == (int(settings["BAKERY_HEALTH_DEGRADED_CODE"]), "degraded")
    assert body["checks"]["certificates"] == {"ok": False, "value": -1}
    assert body["checks"]["apps"]["ok"] is True
