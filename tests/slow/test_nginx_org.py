"""The nginx step with nginx.org's package, in a tree of packages: what that one does differently is put right.

nginx.org cannot be reached from CI. The package here is a stand-in: Debian's own nginx program, with the user, the
folders, the page, the logs and the relations of nginx.org's package (its debian/ folder in pkg-oss).
"""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bakery import ROOT
from bakery.core import process
from bakery.definition.bases import base
from bakery.definition.model import Definition
from bakery.packer.settings import render_env, settings
from bakery.sources import apt
from tests.standin import archive

VERSION = "1.30.2-1~bookworm"
NGINX_CONF = """\
user  nginx;
worker_processes  auto;
error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;
events { worker_connections  1024; }
http { include /etc/nginx/mime.types; server_tokens off; include /etc/nginx/conf.d/*.conf; }
"""
DEFAULT_CONF = "server { listen 80; location / { root /usr/share/nginx/html; } }\n"
LOGROTATE = "/var/log/nginx/*.log {\n    daily\n    rotate 52\n    create 640 nginx adm\n}\n"
PREINST = "#!/bin/sh\nset -e\nadduser --system --group --no-create-home --quiet nginx\nmkdir -p /var/log/nginx\n"
UNIT = "[Service]\nType=forking\nExecStart=/usr/sbin/nginx\n[Install]\nWantedBy=multi-user.target\n"


def build_package(folder: Path) -> Path:
    """Build the stand-in of nginx.org's package out of Debian's."""
    process.run(["apt-get", "--quiet", "--quiet", "download", "nginx", "nginx-common"], cwd=folder)
    (debian,) = folder.glob("nginx_*.deb")
    (common,) = folder.glob("nginx-common_*.deb")
    depends = process.run(["dpkg-deb", "--field", str(debian), "Depends"]).output
    libraries = ", ".join(part.strip() for part in depends.split(",") if part.strip().startswith("lib"))
    process.run(["dpkg-deb", "--extract", str(debian), str(folder / "debian")])
    process.run(["dpkg-deb", "--extract", str(common), str(folder / "debian")])
    tree = folder / "tree"
    files = {
        "DEBIAN/control": (
            f"Package: nginx\nVersion: {VERSION}\nArchitecture: amd64\nMaintainer: tests <root@localhost>\n"
            f"Pre-Depends: adduser\nDepends: {libraries}\n"
            "Conflicts: nginx-common, nginx-core\nReplaces: nginx-common, nginx-core\n"
            "Description: stand-in for nginx.org's nginx, for the tests of Dokku Bakery\n"
        ),
        "DEBIAN/conffiles": "/etc/nginx/nginx.conf\n/etc/nginx/conf.d/default.conf\n/etc/logrotate.d/nginx\n",
        "DEBIAN/preinst": PREINST,
        "etc/nginx/nginx.conf": NGINX_CONF,
        "etc/nginx/conf.d/default.conf": DEFAULT_CONF,
        "etc/logrotate.d/nginx": LOGROTATE,
        "usr/lib/systemd/system/nginx.service": UNIT,
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (tree / "DEBIAN/preinst").chmod(0o755)
    shutil.copy(folder / "debian/etc/nginx/mime.types", tree / "etc/nginx/mime.types")
    (tree / "usr/sbin").mkdir()
    shutil.copy(folder / "debian/usr/sbin/nginx", tree / "usr/sbin/nginx")
    deb = folder / f"nginx-org_{VERSION}_amd64.deb"
    process.run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", str(tree), str(deb)])
    return deb


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Definition]:
    """An image that wants nginx.org's nginx from a mirror on this machine."""
    folder = tmp_path_factory.mktemp("nginx-org")
    site = folder / "site"
    with archive.signing() as signer:
        deb = build_package(folder)
        root = site / "packages/debian"
        archive.publish([deb], root, suites=("bookworm",), component="nginx", signer=signer)
        (site / "keys").mkdir()
        (site / "keys/nginx_signing.key").write_bytes(signer.public_key())
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mirror = {"archive": f"http://127.0.0.1:{server.server_port}", "archive_key": signer.fingerprint}
        nginx = {"source": "nginx.org", "version": "1.30.*", **mirror}
        yield Definition.model_validate({"name": "shop", "steps": ["nginx"], "nginx": nginx})
        server.shutdown()


@pytest.fixture(scope="module")
def tree(definition: Definition, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small Debian in which the step ran, twice."""
    folder = tmp_path_factory.mktemp("tree")
    mirrors = apt.mirrors_for(base("debian-12"))
    assert mirrors is not None
    packages = "adduser,ca-certificates,curl,gpg,logrotate,systemd"
    argv = ["mmdebstrap", "--variant=minbase", "--mode=root", "--format=directory", f"--include={packages}"]
    process.run([*argv, "bookworm", str(folder / "root"), *mirrors.lines])
    root = folder / "root"
    shutil.copytree(ROOT / "provision", root / "provision")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    told = settings([definition], base("debian-12"), fingerprint="f", release="r", build_user="debian")
    # A tree shares this machine's loopback, which a guest would reach by another address.
    text = render_env(told).replace("//10.0.2.2:", "//127.0.0.1:")
    (root / "provision/provision-settings.env").write_text(text)
    try:
        for _ in range(2):
            run = ["chroot", str(root), "bash", "/provision/run", "nginx"]
            process.run(run, env={"BAKERY_RUN_DIR": "/run", "SYSTEMD_OFFLINE": "1"})
        yield root
    finally:
        process.run(["rm", "-rf", "--one-file-system", str(root)], is_checked=False)


def asked(tree: Path, *argv: str) -> str:
    return process.run(["chroot", str(tree), *argv]).output


def test_the_package_is_the_vendors_and_held(tree: Path) -> None:
    assert asked(tree, "dpkg-query", "-W", "-f", "${Version}", "nginx") == VERSION
    assert asked(tree, "apt-mark", "showhold") == "nginx"


def test_nothing_else_of_the_vendor_is_taken_by_itself(tree: Path) -> None:
    assert "Pin-Priority: 100" in (tree / "etc/apt/preferences.d/bakery-vendor-nginx").read_text()
    assert "signed-by=/etc/apt/keyrings/nginx.gpg" in (tree / "etc/apt/sources.list.d/nginx.list").read_text()


def test_it_works_as_www_data(tree: Path) -> None:
    config = asked(tree, "nginx", "-T")
    assert "user www-data;" in config
    assert "user  nginx" not in config


def test_it_reads_modules_and_sites(tree: Path) -> None:
    config = asked(tree, "nginx", "-T")
    for folder in ("modules-enabled", "sites-enabled", "conf.d"):
        assert f"include /etc/nginx/{folder}/*" in config
        assert folder == "conf.d" or (tree / "etc/nginx" / folder).is_dir()


def test_its_page_is_gone(tree: Path) -> None:
    assert not (tree / "etc/nginx/conf.d/default.conf").exists()


def test_it_keeps_two_weeks_of_logs_for_www_data(tree: Path) -> None:
    rotation = (tree / "etc/logrotate.d/nginx").read_text()
    assert "rotate 14" in rotation
    assert "create 0640 www-data adm" in rotation


def test_an_upgrade_keeps_our_configuration_without_a_question(tree: Path) -> None:
    """dokku edits nginx.conf too, and the package would ask which of the two to keep."""
    before = (tree / "etc/nginx/nginx.conf").read_text()
    script = "set -euo pipefail; cd /provision; source lib.sh; source apt.sh; apt_get install --reinstall nginx"
    asked(tree, "bash", "-c", script)
    assert (tree / "etc/nginx/nginx.conf").read_text() == before
