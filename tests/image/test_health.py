"""Health: true when all is well, false when it is not, and never an old answer."""

import json
from typing import Any

import pytest

from tests.image.copy import Copy

# A run that the timer began before is waited for, because to start then is to join it; the next one is our own.
PROBE = """{
    systemctl show --value --property=ActiveState bakery-health.service | grep -qx activating &&
      systemctl start bakery-health.service
    systemctl start bakery-health.service
}"""
CHECKS = {"disk", "inodes", "memory", "docker", "nginx", "ssh", "boot", "firstboot"}
DOKKU_CHECKS = {"dokku", "certificates", "restore", "apps", "vhosts"}


def ask(copy: Copy, settings: dict[str, str], *, before: str = "true", after: str = "true") -> tuple[int, str, Any]:
    """Return code, Cache-Control and body of GET /health on the machine's own address."""
    script = f"""
    {before} >&2
    address=$(hostname -I | cut -d' ' -f1)
    curl --silent --include --max-time 20 "http://$address:{settings["BAKERY_HEALTH_PORT"]}/health"
    {after} >&2
    """
    head, _, body = copy.run(script).partition("\r\n\r\n")
    lines = head.splitlines()
    if not lines:
        return 0, "", None
    cache = [line.partition(": ")[2] for line in lines if line.lower().startswith("cache-control:")]
    return int(lines[0].split()[1]), ",".join(cache), json.loads(body)


@pytest.mark.platform
def test_a_healthy_machine_answers_200_and_says_what_it_is(first: Copy, settings: dict[str, str]) -> None:
    code, cache, body = ask(first, settings, before=PROBE)
    assert (code, cache) == (200, "no-store"), body["checks"]
    assert body["status"] == "healthy"
    assert body["checks"].keys() == CHECKS | (DOKKU_CHECKS if settings["BAKERY_DOKKU_PACKAGES"] else set())
    assert all(check["ok"] for check in body["checks"].values())
    for key in ("image", "base", "release", "fingerprint"):
        assert body[key] == settings[f"BAKERY_{key.upper()}"]


@pytest.mark.node_file
def test_a_mistake_at_first_boot_is_degraded(twin: Copy, settings: dict[str, str]) -> None:
    code, cache, body = ask(twin, settings, before=PROBE)
    assert (code, cache) == (int(settings["BAKERY_HEALTH_DEGRADED_CODE"]), "no-store"), body["checks"]
    assert body["status"] == "degraded"
    assert [name for name, check in body["checks"].items() if not check["ok"]] == ["firstboot"]


@pytest.mark.throwaway
def test_a_machine_without_docker_is_unhealthy_until_it_is_back(first: Copy, settings: dict[str, str]) -> None:
    stop = f"systemctl stop docker.socket docker.service && {PROBE}"
    # dokku's event listener ends with Docker, and systemd starts it again every ten seconds.
    again = "for i in $(seq 20); do systemctl is-active --quiet dokku-event-listener && break; sleep 1; done"
    wait = again if settings["BAKERY_DOKKU_PACKAGES"] else "true"
    start = f"systemctl start docker.socket docker.service && {wait} && {PROBE}"
    code, cache, body = ask(first, settings, before=stop, after=start)
    assert (code, cache, body["status"]) == (503, "no-store", "unhealthy")
    wrong = {name for name, check in body["checks"].items() if not check["ok"]}
    assert "docker" in wrong <= {"docker", "dokku", "apps"}
    assert ask(first, settings)[0] == 200


@pytest.mark.throwaway
def test_a_machine_without_nginx_does_not_answer_until_it_is_back(first: Copy, settings: dict[str, str]) -> None:
    code, _, _ = ask(first, settings, before="systemctl stop nginx", after=f"systemctl start nginx && {PROBE}")
    assert code == 0
    assert ask(first, settings)[0] == 200


@pytest.mark.throwaway
def test_a_broken_nginx_configuration_is_unhealthy(first: Copy, settings: dict[str, str]) -> None:
    broken = "/etc/nginx/conf.d/broken.conf"
    code, _, body = ask(first, settings, before=f"echo nonsense >{broken} && {PROBE}", after=f"rm {broken} && {PROBE}")
    assert code == 503
    assert body["checks"]["nginx"] == {"ok": False, "value": "invalid configuration"}


@pytest.mark.throwaway
def test_an_old_answer_is_stale_and_unhealthy(first: Copy, settings: dict[str, str]) -> None:
    # As if the probe had stopped three minutes ago: its files are there, for minutes that are over.
    # A probe that runs is waited for, not killed.
    stop = """systemctl stop bakery-health.timer; systemctl start bakery-health.service
    for i in 0 1 2 3; do rm -f /run/bakery/health/healthy/$(date -d "+$i minutes" +%FT%H:%M).*; done
    echo '{"status":"healthy"}' >/run/bakery/health/healthy/$(date -d '-1 minute' +%FT%H:%M).json"""
    start = f"systemctl start bakery-health.timer && {PROBE}"
    code, cache, body = ask(first, settings, before=stop, after=start)
    assert (code, cache, body) == (503, "no-store", {"status": "stale"})
    assert ask(first, settings)[0] == 200


@pytest.mark.throwaway
def test_each_answer_is_good_for_this_minute_and_two_more_at_most(first: Copy, settings: dict[str, str]) -> None:
    minutes = (int(settings["BAKERY_HEALTH_INTERVAL_S"]) + 59) // 60 + 2
    # While a run puts its answer in place there are those of the last one, too.
    look = "systemctl stop bakery-health.timer; systemctl start bakery-health.service; ls /run/bakery/health/*/*.json"
    assert len(first.run(f"{look}; systemctl start bakery-health.timer").splitlines()) == minutes


@pytest.mark.throwaway
def test_a_probe_starts_few_programs(first: Copy) -> None:
    """Told by the numbers of two processes around it; what else starts meanwhile counts too, so the least is taken."""
    said = first.run(
        """
        set -a; . /etc/bakery/image.env; TMPDIR=/run; set +a
        for i in 1 2 3 4 5; do
            before=$(sh -c 'echo $$'); /usr/local/sbin/bakery-health; after=$(sh -c 'echo $$'); echo $((after - before))
        done
        """
    )
    assert 5 < min(int(line) for line in said.split()) < 50


@pytest.mark.throwaway
def test_whoever_asks_often_is_answered(first: Copy) -> None:
    # On a bad answer, and where the interval is long, the probe starts the timer anew each time.
    ask_and_again = "systemctl start bakery-health.service && systemctl restart bakery-health-soon.timer"
    first.run(f"for i in $(seq 12); do {ask_and_again} || exit; done; systemctl stop bakery-health-soon.timer")


def test_the_probe_runs_by_a_timer(each: Copy) -> None:
    assert each.units["bakery-health.timer"] == ("active", "enabled")


def test_the_probe_leaves_the_journal_alone_also_when_it_is_started_anew(first: Copy) -> None:
    first.run("systemctl start --no-block bakery-health && sleep 0.1 && systemctl restart bakery-health")
    said = first.run("journalctl --boot --quiet --output=cat --unit=bakery-health.service")
    assert said == ""


def test_prometheus_reads_the_same_verdict(first: Copy, settings: dict[str, str]) -> None:
    asked = f"curl --silent --include http://127.0.0.1:{settings['BAKERY_HEALTH_PORT']}/metrics"
    head, _, text = first.run(f"{PROBE} && {asked}").partition("\r\n\r\n")
    assert head.splitlines()[0].split()[1] == "200"
    assert "Content-Type: text/plain; version=0.0.4" in head.splitlines()
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["bakery_healthy"] == "1"
    assert samples['bakery_check_ok{check="disk"}'] == "1"
    assert 0 < int(samples['bakery_check_value{check="disk"}']) < 100
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    order = [line.partition("{")[0].split()[0] for line in text.splitlines() if not line.startswith("#")]
    assert list(dict.fromkeys(order)) == families  # each family in one piece
