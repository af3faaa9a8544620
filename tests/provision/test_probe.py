"""The machine's own probe (provision/files/bakery-health): what it finds is there for every minute to come.

It runs for real in a root of its own; Docker's socket, nginx, df and systemctl are stand-ins that say what a test tells
them to. What dokku's apps are is asked by a program of its own (test_restore.py, test_asking.py), here a stand-in.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakery import ROOT

FILES = ROOT / "provision/files"
PROGRAMS = {
    "curl": """test ! -e "$ROOT/no-docker" &&
        echo '{"Components":[{"Name":"Engine","Version":"27.1.0"}],"Version":"27.1.0"}'""",
    "nginx": "true",
    "df": "echo 'Use% IUse%'; echo ' 40%    7%'; echo ' 12%     -'",
    "systemctl": """echo "$*" >>"$ROOT/asked"
        case $1 in
            is-enabled) echo enabled ;;
            show) for unit in "${@:4}"; do printf 'Id=%s\\nActiveState=%s\\n\\n' "$unit" active; done ;;
        esac""",
    "bakery-apps": 'cat "$ROOT/apps" 2>/dev/null || true',
}
BEGIN = 1700000039  # the last second but one of its minute
# A clock that is almost a minute later at every command, however the time is asked: by bash's own variable, which is a
# plain one once it was unset, or by date, which reads the file that the variable is kept in.
CLOCK = """
set -o functrace
unset EPOCHSECONDS
EPOCHSECONDS=%d
trap 'EPOCHSECONDS=$((EPOCHSECONDS + 59)); echo "$EPOCHSECONDS" >"$CLOCK"' DEBUG
"""
DATE = """#!/bin/sh
exec /bin/date -d "$(/bin/date -d "@$(cat "$CLOCK")" "+%F %T %z") $2" "$3"
"""


@dataclass(frozen=True)
class Found:
    """What the probe told: /health's body and code, the metrics, the login message, and what systemctl was asked."""

    body: Any
    code: int
    metrics: str
    message: list[str]
    asked: list[str]

    @property
    def wrong(self) -> list[str]:
        return [name for name, check in self.body["checks"].items() if not check["ok"]]


def environment(root: Path, **settings: str) -> dict[str, str]:
    """Return what the probe is told of the image."""
    told = {"IMAGE": "dokku", "BASE": "debian-12", "RELEASE": "7", "FINGERPRINT": "f", "HEALTH_INTERVAL_S": "30"}
    told |= {"STEPS_BELOW": "system docker nginx health", "STEPS": "dokku record"}
    told = {f"BAKERY_{name}": value for name, value in {**told, "HEALTH_DEGRADED_CODE": "200", **settings}.items()}
    return {"PATH": f"{root}/bin:{os.environ['PATH']}", "ROOT": str(root), "TZ": "UTC", **told}


DONE = '{"status":"done","tasks":{}}'


def probe(root: Path, *, firstboot: str | None = DONE, is_dokku: bool = False, **settings: Any) -> Found:
    """Run the probe of a machine whose first boot came to that."""
    here = {"/usr/local/lib/bakery": "lib", "/usr/local/sbin": "bin", "/run/": "run/", "/var/lib/bakery/": "state/"}
    here |= {"/var/lib/dokku/": "dokku/", "/home/dokku/": "home/"}
    health = [f"run/bakery/health/{name}" for name in ("new", "healthy", "unhealthy")]
    for folder in ("lib", "bin", "state", "dokku", "home", "run/motd.d", "run/bakery-restore", *health):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "dokku/STABLE_VERSION").write_text("0.38.27\n", encoding="utf-8")
    for source in (
        "bakery-health",
        *(path.name for path in FILES.glob("health-*.sh") if is_dokku or "dokku" not in path.name),
    ):
        text = (FILES / source).read_text(encoding="utf-8")
        for path, instead in here.items():
            text = text.replace(path, f"{root}/{instead}")
        (root / "lib" / source).write_text(text, encoding="utf-8")
    for name, text in PROGRAMS.items():
        (root / "bin" / name).write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
        (root / "bin" / name).chmod(0o755)
    if firstboot is not None:
        (root / "state/firstboot.json").write_text(firstboot, encoding="utf-8")
    subprocess.run(["bash", str(root / "lib/bakery-health")], env=environment(root, **settings), check=True)
    answers = sorted((root / "run/bakery/health").glob("*/*.json"))
    assert len({path.parent for path in answers}) == 1
    return Found(
        body=json.loads(answers[0].read_text(encoding="utf-8")),
        code=200 if answers[0].parent.name == "healthy" else 503,
        metrics=answers[0].with_suffix(".prom").read_text(encoding="utf-8"),
        message=(root / "run/motd.d/bakery").read_text(encoding="utf-8").splitlines(),
        asked=(root / "asked").read_text(encoding="utf-8").splitlines(),
    )


PROBLEMS = json.dumps(
    {"status": "problems", "tasks": {"keys": {"ok": False, "detail": "alice\x1b[2J: cut"}, "domain": {"ok": True}}}
)
SOON = "--no-block restart bakery-health-soon.timer"


def test_a_machine_is_healthy_when_all_is_well(tmp_path: Path) -> None:
    found = probe(tmp_path)
    assert (found.body["status"], found.code, found.wrong) == ("healthy", 200, [])
    assert "bakery_healthy 1\n" in found.metrics
    assert "bakery_degraded 0\n" in found.metrics


@pytest.mark.parametrize("code", [200, 503])
def test_a_mistake_of_first_boot_is_degraded_with_the_definitions_code(tmp_path: Path, code: int) -> None:
    found = probe(tmp_path, firstboot=PROBLEMS, HEALTH_DEGRADED_CODE=str(code))
    assert (found.body["status"], found.code, found.wrong) == ("degraded", code, ["firstboot"])
    assert found.body["checks"]["firstboot"]["value"] == "problems: keys"
    assert f"bakery_healthy {int(code == 200)}\n" in found.metrics
    assert "bakery_degraded 1\n" in found.metrics
    assert 'status="degraded"' in found.metrics


def test_what_is_worse_is_not_called_degraded(tmp_path: Path) -> None:
    (tmp_path / "no-docker").touch()
    found = probe(tmp_path, firstboot=PROBLEMS)
    assert (found.body["status"], found.code, found.wrong) == ("unhealthy", 503, ["docker", "firstboot"])
    assert "bakery_degraded 0\n" in found.metrics
    (tmp_path / "no-docker").unlink()
    assert probe(tmp_path, firstboot='{"status":"failed","tasks":{}}').body["status"] == "unhealthy"


def test_docker_is_asked_only_where_an_image_has_it(tmp_path: Path) -> None:
    (tmp_path / "no-docker").touch()
    found = probe(tmp_path, STEPS_BELOW="", STEPS="system nginx health record")
    assert (found.body["status"], found.code) == ("healthy", 200)
    assert "docker" not in found.body["checks"]


def test_before_first_boot_has_ended_a_machine_is_starting(tmp_path: Path) -> None:
    found = probe(tmp_path, firstboot=None)
    assert (found.body["status"], found.code, found.wrong) == ("starting", 503, ["firstboot"])


def test_a_login_is_told_image_release_health_and_what_first_boot_could_not_do(tmp_path: Path) -> None:
    first, second = probe(tmp_path).message
    assert first == "dokku on debian-12, release 7, by Dokku Bakery"
    assert re.fullmatch(r"health at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: healthy", second)
    (tmp_path / "no-docker").touch()
    _, second, *rest = probe(tmp_path, firstboot=PROBLEMS).message
    assert second.endswith("UTC: unhealthy (docker, firstboot)")
    assert rest == ["first boot: keys: alice?[2J: cut"]


@pytest.mark.parametrize(
    ("interval_s", "code", "is_asked"), [("3600", "503", True), ("31", "503", True), ("30", "503", False)]
)
def test_only_a_good_answer_stands_for_a_long_interval(
    tmp_path: Path, interval_s: str, code: str, is_asked: bool
) -> None:
    assert SOON not in probe(tmp_path, HEALTH_INTERVAL_S=interval_s).asked
    assert SOON not in probe(tmp_path, firstboot=PROBLEMS, HEALTH_INTERVAL_S=interval_s).asked
    told: dict[str, Any] = {"HEALTH_INTERVAL_S": interval_s, "HEALTH_DEGRADED_CODE": code}
    assert (SOON in probe(tmp_path, firstboot=PROBLEMS, **told).asked) is is_asked


@pytest.mark.parametrize(("interval_s", "minutes"), [(5, 3), (30, 3), (60, 3), (61, 4), (3600, 62)])
def test_an_answer_lasts_until_one_run_was_missed(tmp_path: Path, interval_s: int, minutes: int) -> None:
    probe(tmp_path, HEALTH_INTERVAL_S=str(interval_s))
    assert len(list((tmp_path / "run/bakery/health").glob("*/*.json"))) == minutes


def test_no_minute_is_left_out_where_it_turns_while_the_answer_is_published(tmp_path: Path) -> None:
    text = (FILES / "health-publish.sh").read_text(encoding="utf-8")
    functions = re.search(r"^publish\(\) \{\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)
    assert functions
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "date").write_text(DATE, encoding="utf-8")
    (programs / "date").chmod(0o755)
    for folder in ("new", "healthy", "unhealthy"):
        (tmp_path / folder).mkdir()
    clock = tmp_path / "clock"
    script = f"set -euo pipefail\nstate={tmp_path} code=200\n{functions[0]}{CLOCK % BEGIN}publish '{{}}' ''"
    told = {"PATH": f"{programs}:{os.environ['PATH']}", "BAKERY_HEALTH_INTERVAL_S": "30", "TZ": "UTC"}
    subprocess.run(["bash", "-c", script], env={**told, "CLOCK": str(clock)}, check=True)
    assert int(clock.read_text(encoding="utf-8")) > BEGIN + 5 * 60, "the clock stood still"
    minutes = sorted(datetime.fromisoformat(path.stem) for path in (tmp_path / "healthy").glob("*.json"))
    assert [later - minutes[0] for later in minutes] == [timedelta(minutes=number) for number in range(3)]


def certificate(root: Path, app: str, *, days: int) -> Path:
    """Write an app's certificate; it ended yesterday when *days* is negative."""
    folder = root / "home" / app / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    key, request, crt = folder / "server.key", folder / "server.csr", folder / "server.crt"
    new = [
        "openssl",
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=a.test",
    ]
    subprocess.run([*new, "-keyout", str(key), "-out", str(request)], check=True, capture_output=True)
    sign = ["openssl", "x509", "-req", "-in", str(request), "-key", str(key), "-days", str(days), "-out", str(crt)]
    subprocess.run(sign, check=True, capture_output=True)
    return crt


def tell(root: Path, *, restored: bool = True, **apps: Any) -> None:
    """Have the next probe find that the apps are restored, and each up or down."""
    (root / "run/bakery-restore").mkdir(parents=True, exist_ok=True)
    if restored:
        (root / "run/bakery-restore/ended").touch()
    (root / "apps").write_text("".join(f"{name} {word}\n" for name, word in apps.items()), encoding="utf-8")


def test_a_machine_whose_apps_answer_is_healthy_and_says_how_many(tmp_path: Path) -> None:
    tell(tmp_path, shop="up", blog="up")
    found = probe(tmp_path, is_dokku=True)
    assert (found.body["status"], found.code, found.wrong) == ("healthy", 200, [])
    assert found.body["checks"]["dokku"]["value"] == "0.38.27"
    assert found.body["checks"]["apps"]["value"] == "2 up"
    assert 'bakery_app_up{app="shop"} 1\n' in found.metrics


def test_one_app_that_does_not_answer_is_named_and_degrades_the_machine_while_others_do(tmp_path: Path) -> None:
    tell(tmp_path, blog="up", shop="down")
    found = probe(tmp_path, is_dokku=True)
    assert (found.body["status"], found.code, found.wrong) == ("degraded", 200, ["apps"])
    assert found.body["checks"]["apps"]["value"] == "down: shop"
    assert 'bakery_app_up{app="shop"} 0\n' in found.metrics
    assert found.message[-1] == "apps down: shop"


def test_a_machine_none_of_whose_apps_answers_is_unhealthy_until_one_does_again(tmp_path: Path) -> None:
    tell(tmp_path, blog="down", shop="down")
    assert probe(tmp_path, is_dokku=True).body["status"] == "unhealthy"
    tell(tmp_path, blog="up", shop="up")
    assert probe(tmp_path, is_dokku=True).body["status"] == "healthy"


def test_an_expired_certificate_degrades_the_machine_unless_no_other_app_is_left(tmp_path: Path) -> None:
    tell(tmp_path, blog="up", shop="up")
    certificate(tmp_path, "forgotten", days=-1)
    found = probe(tmp_path, is_dokku=True)
    assert (found.body["status"], found.wrong) == ("degraded", ["certificates"])
    assert found.body["checks"]["certificates"]["value"] == -1
    certificate(tmp_path, "shop", days=-1)
    found = probe(tmp_path, is_dokku=True)
    assert (found.body["status"], found.body["checks"]["apps"]["value"]) == ("degraded", "down: shop")
    certificate(tmp_path, "blog", days=-1)
    assert probe(tmp_path, is_dokku=True).body["status"] == "unhealthy"


def test_a_renewed_certificate_is_seen_however_old_its_file_says_it_is(tmp_path: Path) -> None:
    tell(tmp_path, shop="up")
    old = certificate(tmp_path, "shop", days=-1)
    assert probe(tmp_path, is_dokku=True).body["checks"]["certificates"] == {"ok": False, "value": -1}
    new = certificate(tmp_path, "shop", days=41)
    os.utime(new, (0, 0))
    assert old == new
    assert probe(tmp_path, is_dokku=True).body["checks"]["certificates"]["value"] in {40, 41}


def test_until_the_apps_are_restored_none_is_judged(tmp_path: Path) -> None:
    tell(tmp_path, restored=False, shop="down")
    found = probe(tmp_path, is_dokku=True)
    assert (found.body["status"], found.code, found.wrong) == ("restoring", 503, ["restore", "vhosts", "apps"])


def test_the_restore_that_ends_while_the_probe_runs_is_in_its_answer(tmp_path: Path) -> None:
    tell(tmp_path, restored=False, shop="up")
    (tmp_path / "bin").mkdir(exist_ok=True)
    # jq comes after the apps were asked for, and ends the restore.
    (tmp_path / "bin/jq").write_text(f'#!/bin/bash\ntouch {tmp_path}/run/bakery-restore/ended\nexec /usr/bin/jq "$@"\n')
    (tmp_path / "bin/jq").chmod(0o755)
    assert probe(tmp_path, is_dokku=True).body["status"] == "healthy"


def test_a_probe_starts_few_programs_and_openssl_once_for_each_certificate(tmp_path: Path) -> None:
    apps: dict[str, Any] = {f"app{number}": "up" for number in range(30)}
    tell(tmp_path, **apps)
    for number in range(30):
        certificate(tmp_path, f"app{number}", days=40)
    for number in range(30):  # as many that nginx does not know, and only the last thing that is asked says why
        (tmp_path / "home" / f"stopped{number}").mkdir()
        (tmp_path / "home" / f"stopped{number}/CONTAINER.web.1").touch()
    (tmp_path / "dokku/config/proxy/--global").mkdir(parents=True)
    (tmp_path / "dokku/config/proxy/--global/type").write_text("caddy", encoding="utf-8")
    assert probe(tmp_path, is_dokku=True).wrong == []
    # In a namespace of its own, where the next process tells by its number how many there were.
    (tmp_path / "lib/counted").write_text(
        f"bash {tmp_path}/lib/bakery-health\nsh -c 'echo $$'\ntrue\n", encoding="utf-8"
    )
    argv = ["unshare", "--pid", "--fork", "--mount-proc", "bash", str(tmp_path / "lib/counted")]
    argv = argv if os.geteuid() == 0 else ["unshare", "--map-root-user", *argv[1:]]
    said = subprocess.run(argv, env=environment(tmp_path), check=True, capture_output=True, text=True).stdout
    assert 10 < int(said) < 50
