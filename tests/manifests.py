"""What a release holds, small and made up, for tests that boot nothing."""

from datetime import UTC, datetime
from typing import Any

from bakery.catalog.record import Made
from bakery.contents.manifest import Boot, Manifest, Package
from bakery.definition.bases import Arch, BaseName

RELEASE = "20261123-0415-0123456789ab"


def a_package(name: str, version: str = "1.0-1", **values: Any) -> Package:
    return Package.model_validate({"name": name, "version": version, "arch": "amd64", **values})


def a_manifest(**values: Any) -> Manifest:
    """Return a manifest; *values* take the place of what is in it."""
    return Manifest.model_validate(
        {
            "image": "host",
            "release": RELEASE,
            "arch": Arch.AMD64,
            "base": BaseName.DEBIAN_12,
            "fingerprint": "0123456789ab".ljust(64, "0"),
            "asked_at": datetime(2026, 11, 23, 4, 20, tzinfo=UTC),
            "machine": "tcg",
            "kernel": "6.1.0-41-cloud-amd64",
            "boot": Boot(total_s=21.5),
            "packages": (a_package("bash", "5.2.15-2"), a_package("openssl", "3.0.15-1~deb12u1")),
            "directories": {"/etc": 4096, "/usr/bin": 65536},
            **values,
        }
    )


def of(made: Made, **values: Any) -> Manifest:
    """Return a manifest of what was made, as a machine of it would tell: in the place of `collect.of`."""
    told = {name: getattr(made, name) for name in ("image", "release", "arch", "base", "fingerprint")}
    return a_manifest(**told, **values)
