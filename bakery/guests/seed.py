"""First-boot seeds: what a machine learns from a NoCloud disc labelled CIDATA, so nothing of it need be baked.

The disc's format is cloud-init's (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html).
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bakery.core import process
from bakery.core.errors import impossible

VOLUME_LABEL = "CIDATA"


def user_data(
    *,
    public_keys: Sequence[str],
    user: str | None = None,
    is_grown: bool = True,
    secret_files: Mapping[str, str] | None = None,
) -> str:
    """Return a cloud-config that lets *public_keys* in.

    The keys are for the image's default user, or for a new *user* with sudo and no password. Unless *is_grown*, the
    root file system stays as small as the image (a bake, whose disk a stranger's first boot must grow). *secret_files*
    are texts by path, for root alone to read.
    """
    config: dict[str, object] = {"ssh_pwauth": False}
    if secret_files:
        config["write_files"] = [
            {"path": path, "permissions": "0600", "content": text} for path, text in secret_files.items()
        ]
    if user is None:
        config["ssh_authorized_keys"] = list(public_keys)
    else:
        config["users"] = [
            {
                "name": user,
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": True,
                "ssh_authorized_keys": list(public_keys),
            }
        ]
    if not is_grown:
        config["growpart"] = {"mode": "off"}
        config["resize_rootfs"] = False
    # JSON is YAML, and unlike YAML written by hand it quotes every value.
    return "#cloud-config\n" + json.dumps(config, indent=1) + "\n"


def meta_data(*, instance_id: str, hostname: str) -> str:
    """Return the meta-data of one machine; cloud-init does its first-boot work once for each *instance_id*."""
    return json.dumps({"instance-id": instance_id, "local-hostname": hostname}, indent=1) + "\n"


def make_seed(out: Path, *, user_data: str | bytes, meta_data: str, network_config: str | None = None) -> Path:
    """Write the seed disc *out* (ISO 9660) and return its path.

    The same texts make the same bytes. Raises BakeryError when xorrisofs is missing (exit code 3).
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    texts: dict[str, str | bytes] = {"user-data": user_data, "meta-data": meta_data}
    if network_config is not None:
        texts["network-config"] = network_config
    # xorrisofs dates the disc by SOURCE_DATE_EPOCH, and the files in it by their own times (man xorrisofs).
    epoch = str(source_date(0))
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        files = [Path(folder, name) for name in sorted(texts)]
        for file in files:
            text = texts[file.name]
            file.write_bytes(text.encode() if isinstance(text, str) else text)
            os.utime(file, (int(epoch), int(epoch)))
        disc = Path(folder, "seed.iso")
        process.run(seed_argv(disc, files=files), env={"SOURCE_DATE_EPOCH": epoch})
        disc.replace(out)
    return out


def source_date(otherwise: int) -> int:
    """Return SOURCE_DATE_EPOCH, in seconds since 1970, or *otherwise* where it is not set or empty.

    Raises BakeryError (exit code 2) when it is no number (reproducible-builds.org/specs/source-date-epoch).
    """
    told = os.environ.get("SOURCE_DATE_EPOCH", "").strip()
    if not re.fullmatch(r"\d{0,11}", told):
        hint = "SOURCE_DATE_EPOCH=$(git log -1 --format=%ct), or unset it"
        raise impossible(f"SOURCE_DATE_EPOCH is {told!r}: seconds since 1970 are needed", hint=hint)
    return int(told or otherwise)


def seed_argv(disc: Path, *, files: Sequence[Path]) -> list[str]:
    """Return the command that writes *files* into the root of the disc; `-r` makes them root's and readable."""
    return ["xorrisofs", "-quiet", "-volid", VOLUME_LABEL, "-joliet", "-r", "-o", str(disc), *map(str, files)]
