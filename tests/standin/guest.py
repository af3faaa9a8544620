"""The stand-in's own files unpacked into a folder, where its commands run without a machine of their own."""

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CORE = ("apps", "certs", "checks", "common", "config", "domains", "plugin", "ports", "proxy", "ps", "ssh-keys")
"""The plugins whose triggers may run on the machine that runs the tests."""

PROGRAMS = {
    "id": 'echo "${STANDIN_USER:-root}"',
    "getent": 'echo "dokku:x:1000:1000::$DOKKU_ROOT:/bin/bash"',
    # By its name alone, so that what comes next is found here, too, and no service of this machine is touched.
    "sudo": "[[ $1 != -n ]] || shift\n[[ $1 != -u ]] || shift 4 # -u dokku -E -H\n"
    'STANDIN_USER=dokku exec "${1##*/}" "${@:2}"',
    "docker": "exit 1",
    "nginx": 'echo "nginx version: nginx/${STANDIN_NGINX:-1.22.1}" >&2',
    "systemctl": "exit 0",
}
"""What belongs to a machine rather than to dokku: users, and the services."""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """The stand-in's files unpacked into a folder, with a DOKKU_ROOT of its own."""

    root: Path
    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        return self.root / "home/dokku"

    @property
    def authorized_keys(self) -> Path:
        return self.home / ".ssh/authorized_keys"

    @property
    def plugins(self) -> Path:
        return self.root / "var/lib/dokku/plugins"

    def run(self, *argv: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**self.environment, **environment}
        return subprocess.run(argv, input=stdin, env=env, capture_output=True, text=True, check=False)

    def dokku(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("dokku", *arguments, stdin=stdin, **environment)


def unpack(debs: Mapping[str, Path], root: Path) -> Path:
    """Unpack the packages, and return the folder."""
    for name in ("dokku", "plugn", "sshcommand"):
        subprocess.run(["dpkg-deb", "--extract", debs[name], root], check=True)
    return root


def settle(unpacked: Path, root: Path) -> Guest:
    """Copy what was unpacked to *root* and set it up there as the package's installation would."""
    shutil.copytree(unpacked, root)
    for folder in ("bin", "home/dokku/.ssh", "home/dokku/.dokkurc", "home/admin", "tmp", "var/lib/dokku/config"):
        (root / folder).mkdir(parents=True)
    for name, script in PROGRAMS.items():
        (root / "bin" / name).write_text(f"#!/bin/bash\n{script}\n")
        (root / "bin" / name).chmod(0o755)
    (root / "home/dokku/.ssh/authorized_keys").touch()
    lib = root / "var/lib/dokku"
    certs = lib / "core-plugins/available/certs/commands.bash"
    # The key that it leaves in /tmp stays in the folder.
    certs.write_text(certs.read_text().replace("/tmp/", f"{root}/tmp/"))
    for kind in ("core-plugins", "plugins"):
        for state in ("available", "enabled"):
            (lib / kind / state).mkdir(parents=True, exist_ok=True)
    for name in CORE:
        (lib / "plugins/available" / name).symlink_to(lib / "core-plugins/available" / name)
        (lib / "core-plugins/enabled" / name).symlink_to(lib / "core-plugins/available" / name)
        (lib / "plugins/enabled" / name).symlink_to(lib / "plugins/available" / name)
    return Guest(
        root=root,
        environment={
            "PATH": f"{root}/bin:{root}/usr/bin:{os.environ['PATH']}",
            "HOME": f"{root}/home/admin",
            "TMPDIR": f"{root}/tmp",
            "DOKKU_ROOT": f"{root}/home/dokku",
            "DOKKU_LIB_PATH": str(lib),
            "DOKKU_SYSTEM_USER": pwd.getpwuid(os.getuid()).pw_name,
            "DOKKU_SYSTEM_GROUP": grp.getgrgid(os.getgid()).gr_name,
            "PLUGN_SHARE": f"{root}/usr/share/plugn",
            "LETSENCRYPT_DISABLE_PULL": "true",
        },
    )
