"""The seed of this project: a disk that dead containers filled to the last block, and a machine that helps itself."""

from collections.abc import Iterator

import pytest

from tests.image import apps
from tests.image.copy import Copy
from tests.image.test_health import PROBE

pytestmark = [pytest.mark.dokku, pytest.mark.throwaway, pytest.mark.waiting]
NAME = "full"
# Two minutes until the guard looks, its own work, and the slowness of an emulated machine.
GUARD_S = 300
HEALTH = "curl --silent --max-time 20 http://127.0.0.1:$(. /etc/bakery/image.env; echo $BAKERY_HEALTH_PORT)/health"
UPPER = "{{.GraphDriver.Data.UpperDir}}"
REFUSED = 75
HELD = "/run/systemd/system/bakery-disk-guard.service.d"
"""What keeps the guard away, which a command that writes would start by itself."""
WRITING = (
    f"config:set --no-restart {NAME} COLOR=blue",
    "domains:set-global full.example",
    f"domains:add {NAME} www.{NAME}.test",
    f"proxy:build-config {NAME}",
    f"ports:set {NAME} http:80:6000",
    f"checks:disable {NAME} web",
    f"ps:rebuild {NAME}",
    f"ps:scale {NAME} web=2",
    f"ps:stop {NAME}",
    "ps:retire",
    f"certs:add {NAME}",
    f"nginx:set {NAME} client-max-body-size 2m",
    f"git:from-image {NAME} {apps.IMAGE}",
    f"git-receive-pack {NAME}",
    "letsencrypt:set --global email full@example.com",
    "plugin:install --core",
    "ssh-keys:add somebody /etc/hostname",
    "apps:create another",
    "a-plugin-that-nobody:knows",
)
# As git does it when somebody pushes.
PUSH = f"""ssh -n -i /run/pusher -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \\
  -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR dokku@127.0.0.1 "git-receive-pack '{NAME}'\""""
# Everything that dokku has written, but for what its own part of the image keeps for later.
WRITTEN = "find /home/dokku /var/lib/dokku -type f ! -path '*/.bakery/*' -exec sha256sum {} + | sort"
FILL = """
free() { stat --file-system --format '%f' /; }
fill() {
  fallocate --length "$(($(stat --file-system --format '%f * %S' /) / 1024 / 1024))MiB" $1/0
  i=0; for size in 256 64 16 4 1; do
    while fallocate --length "${size}MiB" $1/$((i += 1)) 2>/dev/null; do :; done
  done
  dd if=/dev/zero of=$1/last bs=4k 2>/dev/null
}
tell() { "${@:2}" >/run/said 2>&1; echo "$1=$?"; sed "s/^/$1_said=/" /run/said | tail -n 1; }
"""


@pytest.fixture(scope="module")
def container(first: Copy) -> Iterator[str]:
    with apps.deployed(first, name=NAME) as container:
        yield container


def lines_of(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.fixture(scope="module")
def story(first: Copy, container: str) -> dict[str, str]:
    """Fill the disk by way of a dead container, ask everything, and wait for the guard's own timer to help."""
    return lines_of(
        first.run(
            f"""{FILL}
            dead=$(docker create {apps.IMAGE})
            layer=$(docker inspect --format '{UPPER}' $dead)
            echo "before=$(free)"
            systemctl stop bakery-disk-guard.timer
            mkdir -p {HELD} && printf '[Unit]\\nConditionPathExists=/nonexistent\\n' >{HELD}/hold.conf
            systemctl daemon-reload
            install --directory --owner=dokku /var/tmp/here
            ssh-keygen -q -t ed25519 -N '' -f /run/pusher && cat /run/pusher.pub | dokku ssh-keys:add pusher >/dev/null
            {WRITTEN} >/run/written
            fill $layer
            ! {{ echo full >/var/tmp/canary; }} 2>/dev/null; echo "full=$?"
            tell list dokku apps:list
            tell plugins dokku plugin:list
            tell elsewhere runuser -u dokku -- env TMPDIR=/var/tmp/here dokku plugin:list
            tell app {apps.ask(NAME)}
            {chr(10).join(f"tell write_{number} dokku {command}" for number, command in enumerate(WRITING))}
            tell push {PUSH}
            {WRITTEN} | diff /run/written - >/run/differs; echo "written=$?"
            systemctl reload nginx
            tell reloaded {apps.ask(NAME)}
            rm -r {HELD} && systemctl daemon-reload
            systemctl start bakery-disk-guard.timer
            for i in $(seq {GUARD_S}); do
              docker inspect $dead >/dev/null 2>&1 || break; sleep 1
            done
            echo "waited=$i"; echo "after=$(free)"
            systemctl is-active bakery-disk-guard.timer >/dev/null; echo "guard=$?"
            echo "container=$(docker ps --quiet --no-trunc --filter label=com.dokku.app-name={NAME})"
            tell again dokku apps:list
            tell deploy dokku ps:rebuild {NAME}
            tell answer {apps.ask(NAME)}
            systemctl start bakery-disk-guard.service
            test -e /var/lib/bakery/ballast; echo "ballast=$?"
            dead=$(docker create {apps.IMAGE})
            fill $(docker inspect --format '{UPPER}' $dead)
            tell helped dokku config:set --no-restart {NAME} COLOR=blue
            tell color dokku config:get {NAME} COLOR
            docker inspect $dead >/dev/null 2>&1; echo "dead=$?"
            dokku ssh-keys:remove pusher >/dev/null
            rm -rf /var/tmp/here /var/tmp/canary /run/pusher*
            """
        )
    )


def test_dokku_works_on_a_full_disk_because_its_temporary_files_are_elsewhere(story: dict[str, str]) -> None:
    assert story["full"] == "0", "the disk was not full"
    assert story["list"] == "0", story["list_said"]
    assert story["plugins"] == "0", story["plugins_said"]  # the one that goes through plugn


def test_where_they_are_on_the_full_disk_it_does_not(story: dict[str, str]) -> None:
    """What machines without this image run into: plugn's environment file comes out empty."""
    assert story["elsewhere"] != "0"


def test_what_writes_is_refused_on_a_full_disk_and_nothing_is_changed(story: dict[str, str]) -> None:
    for number, command in enumerate(WRITING):
        assert story[f"write_{number}"] == str(REFUSED), (command, story[f"write_{number}_said"])
        assert f"`{command.split()[0]}` was not begun" in story[f"write_{number}_said"]
    assert (story["push"], "`git-receive-pack` was not begun" in story["push_said"]) == (str(REFUSED), True)
    assert story["written"] == "0"
    assert story["reloaded"] == "0", story["reloaded_said"]


def test_a_command_that_meets_a_full_disk_has_it_freed_and_works(story: dict[str, str]) -> None:
    assert (story["helped"], story["color_said"]) == ("0", "blue"), story["helped_said"]
    assert story["dead"] == "1"


@pytest.mark.usefixtures("story")
def test_an_empty_vhost_is_told_by_health_and_written_anew_by_the_guard(first: Copy) -> None:
    said = lines_of(
        first.run(
            f"""
            : >/home/dokku/{NAME}/nginx.conf
            {PROBE}
            echo "health=$({HEALTH})"
            systemctl start bakery-disk-guard.service
            echo "answer=$({apps.ask(NAME)})"
            {PROBE}
            echo "after=$({HEALTH})"
            """
        )
    )
    assert '"vhosts":{"ok":false,"value":"problems: ' + NAME in said["health"]
    assert said["answer"].startswith("app at 172.")
    assert '"vhosts":{"ok":true,"value":"done"}' in said["after"]


def test_an_app_keeps_answering_on_a_full_disk(story: dict[str, str]) -> None:
    assert story["app"] == "0", story["app_said"]


def test_the_guard_frees_a_full_disk_by_itself(story: dict[str, str]) -> None:
    assert int(story["waited"]) < GUARD_S
    assert int(story["after"]) > int(story["before"]) * 0.9
    assert story["guard"] == "0"


def test_nothing_that_runs_is_lost(story: dict[str, str], container: str) -> None:
    assert story["container"] == container
    assert story["again"] == story["deploy"] == story["answer"] == "0", story


def test_the_ballast_comes_back(story: dict[str, str], settings: dict[str, str]) -> None:
    assert story["ballast"] == ("0" if int(settings["BAKERY_BALLAST_MB"]) else "1")


@pytest.fixture(scope="module")
def inodes(first: Copy) -> dict[str, str]:
    """The same with inodes, on a volume of Docker's own, so that it does not take a million files."""
    return lines_of(
        first.run(
            f"""
            systemctl stop bakery-disk-guard.timer docker.socket docker.service containerd.service
            mv /var/lib/docker /var/lib/docker.aside && mkdir /var/lib/docker
            mount -t tmpfs -o mode=710,size=400M,nr_inodes=3000 tmpfs /var/lib/docker
            systemctl start docker.service
            {{ {apps.MAKE_IMAGE} }}
            running=$(docker run --detach {apps.IMAGE})
            dead=$(docker create {apps.IMAGE})
            layer=$(docker inspect --format '{UPPER}' $dead)
            (cd $layer && seq -f file%g 4000 | xargs touch 2>/dev/null)
            ! touch /var/lib/docker/canary 2>/dev/null; echo "full=$?"
            echo "free_mb=$(df --output=avail --block-size=M /var/lib/docker | tail -n 1 | tr -dc 0-9)"
            {PROBE}
            echo "health=$({HEALTH})"
            systemctl start bakery-disk-guard.service
            docker inspect $dead >/dev/null 2>&1; echo "dead=$?"
            touch /var/lib/docker/canary; echo "after=$?"
            docker inspect --format 'running={{{{.State.Running}}}}' $running
            docker rm --force $running >/dev/null
            systemctl stop docker.socket docker.service containerd.service
            umount /var/lib/docker && rmdir /var/lib/docker && mv /var/lib/docker.aside /var/lib/docker
            systemctl start docker.service bakery-health.service bakery-disk-guard.timer
            """
        )
    )


@pytest.mark.usefixtures("story")  # first, while Docker is as it was
def test_the_guard_frees_a_disk_without_inodes(inodes: dict[str, str]) -> None:
    assert inodes["full"] == "0", "there were inodes left"
    assert int(inodes["free_mb"]) > 100
    assert (inodes["dead"], inodes["after"], inodes["running"]) == ("1", "0", "true")


def test_health_says_that_inodes_are_out(inodes: dict[str, str]) -> None:
    assert '"status":"unhealthy"' in inodes["health"]
    assert '"inodes":{"ok":false,"value":100}' in inodes["health"]
