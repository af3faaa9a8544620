"""The clean-up, asked by making garbage: it removes that, and nothing an app stands on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.image.copy import Copy

pytestmark = pytest.mark.throwaway

# A tiny image from the machine's own files: nothing is fetched. Import gives `app` to a newer image afterwards, so the
# running container's own image has no name any more, and only the container keeps it.
GARBAGE = """
set -e
image() { tar -C / -ch bin/sleep $(ldd /bin/sleep | grep -o '/lib[^ ]*') etc/$1 | docker import - $2; }
image hostname app:1 >/dev/null
docker volume create kept >/dev/null
docker run -d --name running -v kept:/data app:1 /bin/sleep 1000 >/dev/null
image passwd app:1 >/dev/null
image group tagged:1 >/dev/null
image services >/dev/null
docker create --name stopped -v unnamed:/data -v /anonymous tagged:1 /bin/sleep 1 >/dev/null
docker volume create unused >/dev/null
mkdir /tmp/build && echo 'FROM tagged:1\nCOPY x /x' >/tmp/build/Dockerfile && echo x >/tmp/build/x
DOCKER_BUILDKIT=1 docker build -q -t tagged:2 /tmp/build >/dev/null && docker rmi tagged:2 >/dev/null
truncate -s 1M /var/cache/apt/archives/old.deb
"""
# Asked of docker's own interface: its client takes a second to start in TCG, curl none.
LOOK = """
for path in containers/running/json 'containers/json?all=1' images/json volumes; do
  curl --silent --unix-socket /run/docker.sock "http://docker/$path" | tr -d '\\n'; echo
done
docker system df --format '{{.Type}} {{.TotalCount}}' | sed -n 's/Build Cache //p'
ls /var/cache/apt/archives/*.deb 2>/dev/null | wc -l
"""
RUNS = f"""
{LOOK} echo ==
systemctl start bakery-cleanup.service
{LOOK} echo ==
. /etc/bakery/image.env; export BAKERY_CLEANUP_KEEP_HOURS
bakery-cleanup --now >/dev/null 2>&1
{LOOK}
"""
TIDY = """
docker rm -f running; docker volume rm $(docker volume ls -q); docker rmi app:1 tagged:1
docker image prune --force; rm -r /tmp/build; true
"""


@dataclass(frozen=True, kw_only=True)
class State:
    log_config: dict[str, object]
    pid: int
    containers: dict[str, str]
    tagged: set[str]
    dangling: int
    volumes: int
    build_cache: int
    debs: int


def read(text: str) -> State:
    running, containers, images, volumes, build_cache, debs = map(json.loads, text.strip().splitlines())
    # An image without a name has, by version, no RepoTags, an empty list or this word.
    tags = [set(image["RepoTags"] or []) - {"<none>:<none>"} for image in images]
    return State(
        log_config=running["HostConfig"]["LogConfig"],
        pid=running["State"]["Pid"],
        containers={container["Names"][0].strip("/"): container["State"] for container in containers},
        tagged=set().union(*tags),
        dangling=tags.count(set()),
        volumes=len(volumes["Volumes"]),
        build_cache=build_cache,
        debs=debs,
    )


@pytest.fixture(scope="module")
def states(first: Copy) -> Iterator[list[State]]:
    """Before, after the timer's run, and after a run that asks for no age."""
    yield [read(part) for part in first.run(GARBAGE + RUNS).split("==\n")]
    first.run(f"exec >/dev/null 2>&1; {TIDY}")


def test_every_container_gets_the_bounded_log(states: list[State]) -> None:
    assert states[0].log_config == {"Type": "json-file", "Config": {"max-file": "3", "max-size": "10m"}}


def test_the_garbage_was_there(states: list[State]) -> None:
    assert states[0].containers == {"running": "running", "stopped": "created"}
    assert (states[0].dangling, states[0].volumes) == (2, 4)
    assert states[0].build_cache > 0
    assert states[0].debs == 1


def test_the_timers_run_keeps_what_is_young(states: list[State]) -> None:
    assert states[1].containers == states[0].containers
    assert states[1].dangling == states[0].dangling


def test_the_timers_run_empties_apts_archives(states: list[State]) -> None:
    assert states[1].debs == 0


def test_a_stopped_container_is_removed(states: list[State]) -> None:
    assert "stopped" not in states[2].containers


def test_a_running_container_lives_on(states: list[State]) -> None:
    assert states[2].containers == {"running": "running"}
    assert states[2].pid == states[0].pid


def test_a_dangling_image_is_removed_but_not_the_one_that_runs(states: list[State]) -> None:
    assert states[2].dangling == 1


def test_the_build_cache_is_emptied(states: list[State]) -> None:
    assert states[2].build_cache == 0


def test_tagged_images_stay(states: list[State]) -> None:
    assert states[2].tagged == states[0].tagged == {"app:1", "tagged:1"}


def test_volumes_stay(states: list[State]) -> None:
    assert states[2].volumes == states[0].volumes


def test_it_runs_when_the_definition_says(first: Copy, settings: dict[str, str]) -> None:
    timer = first.facts["cleanup_timer"].text
    assert f"OnCalendar={settings['BAKERY_CLEANUP_SCHEDULE']}\n" in timer
    assert first.units["bakery-cleanup.timer"] == ("active", "enabled")
    assert "NextElapseUSecRealtime=\n" not in timer + "\n"
