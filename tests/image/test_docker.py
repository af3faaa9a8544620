"""Docker: bounded logs, apps that outlive the daemon, a bounded build cache."""

import pytest

from tests.image.copy import Copy


@pytest.mark.kernel
def test_docker_runs_and_starts_at_boot(each: Copy) -> None:
    assert each.units["docker.service"] == ("active", "enabled")


def test_docker_keeps_apps_running_while_it_restarts(each: Copy) -> None:
    assert each.facts["docker_info"].json["LiveRestoreEnabled"] is True


def test_docker_logs_to_json_files(each: Copy) -> None:
    assert each.facts["docker_info"].json["LoggingDriver"] == "json-file"


@pytest.mark.kernel
def test_docker_warns_of_nothing(each: Copy) -> None:
    assert not each.facts["docker_info"].json.get("ServerErrors")


def test_the_build_cache_is_bounded(each: Copy) -> None:
    assert each.facts["daemon_json"].json["builder"]["gc"] == {"enabled": True, "defaultKeepStorage": "5GB"}


@pytest.mark.throwaway
def test_a_dockerfile_may_ask_for_what_only_buildkit_can(first: Copy) -> None:
    """With `docker build` as dokku calls it, without a variable that asks for BuildKit."""
    said = first.run(
        """
        folder=$(mktemp -d) && cd $folder
        tar -C / -ch bin/touch $(ldd /bin/touch | grep -o '/lib[^ ]*') | docker import - touching:1 >/dev/null
        cat >Dockerfile <<'END'
FROM touching:1
RUN --mount=type=cache,target=/cache ["/bin/touch", "/cache/x", "/made"]
END
        docker image build --tag touched:1 . 2>&1 || { echo "exit code $?"; exit; }
        docker create --name touched touched:1 /made >/dev/null && docker export touched | tar -t | grep -x made
        docker rm touched >/dev/null; docker rmi --force touched:1 touching:1 >/dev/null; rm -r $folder
        """
    )
    assert said.splitlines()[-1] == "made", said
