"""Docker: bounded logs, apps that outlive the daemon, a bounded build cache."""

from tests.image.copy import Copy


def test_docker_runs_and_starts_at_boot(each: Copy) -> None:
    assert each.units["docker.service"] == ("active", "enabled")


def test_docker_keeps_apps_running_while_it_restarts(each: Copy) -> None:
    assert each.facts["docker_info"].json["LiveRestoreEnabled"] is True


def test_docker_logs_to_json_files(each: Copy) -> None:
    assert each.facts["docker_info"].json["LoggingDriver"] == "json-file"


def test_docker_warns_of_nothing(each: Copy) -> None:
    assert not each.facts["docker_info"].json.get("ServerErrors")


def test_the_build_cache_is_bounded(each: Copy) -> None:
    assert each.facts["daemon_json"].json["builder"]["gc"] == {"enabled": True, "defaultKeepStorage": "5GB"}
