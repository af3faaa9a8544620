"""The bill of materials: what CycloneDX's own schema takes, with an address of each thing that scanners understand."""

import importlib.resources
import json
from typing import Any

import jsonschema
import pytest
from packageurl import PackageURL
from referencing import Registry, Resource

from bakery.contents import sbom
from bakery.contents.manifest import ContainerImage, Manifest, Plugin
from bakery.definition.bases import BaseName
from tests.manifests import RELEASE, a_manifest, a_package

COMMIT = "c0ffee12" * 5
FULL = a_manifest(
    base=BaseName.UBUNTU_24_04,
    packages=(
        a_package("adduser", "3.137ubuntu1", arch="all"),
        a_package("libssl3t64", "3.0.13-0ubuntu3.5", source_name="openssl"),
        a_package("libstdc++6", "14.2.0-4ubuntu2~24.04", source_name="gcc-14"),
        a_package("vim", "2:9.1.0016-1ubuntu7.8+b1", source_revision="2:9.1.0016-1ubuntu7.8"),
        a_package("docker-ce", "5:27.3.1-1~ubuntu.24.04~noble"),
        a_package("nginx", "1.28.0-1~noble"),
        a_package("dokku", "0.38.27"),
    ),
    plugins=(
        Plugin(name="letsencrypt", commit=COMMIT, url="https://github.com/dokku/dokku-letsencrypt.git"),
        Plugin(name="own", commit=COMMIT, url="https://git.example/own.git"),
        Plugin(name="odd", commit=COMMIT),
    ),
    containers=(
        ContainerImage(name="gliderlabs/herokuish:latest", id="sha256:12", digest="sha256:34"),
        ContainerImage(name="registry.example:5000/a/b:1", id="sha256:56"),
    ),
)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    """Return what judges by the schema that CycloneDX publishes, as its library carries it along."""
    folder = importlib.resources.files("cyclonedx.schema._res")
    schemas = {
        name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text())
        for name in ("bom-1.6", "spdx", "jsf-0.82")
    }
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()]
    return jsonschema.Draft7Validator(schemas["bom-1.6"], registry=Registry().with_resources(resources))


def components(manifest: Manifest) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(sbom.text(manifest))["components"]}


@pytest.mark.parametrize("manifest", [FULL, a_manifest(), a_manifest(packages=(), boot=None)])
def test_it_is_what_the_schema_of_cyclonedx_asks_for(manifest: Manifest, validator: jsonschema.Draft7Validator) -> None:
    assert [error.message for error in validator.iter_errors(json.loads(sbom.text(manifest)))] == []


def test_the_schema_would_refuse_something_else(validator: jsonschema.Draft7Validator) -> None:
    assert [*validator.iter_errors(json.loads(sbom.text(FULL)) | {"components": [{"name": "x"}]})]


ADDRESSES = {
    "adduser": "pkg:deb/ubuntu/adduser@3.137ubuntu1?arch=all&distro=ubuntu-24.04",
    "libssl3t64": "pkg:deb/ubuntu/libssl3t64@3.0.13-0ubuntu3.5?arch=amd64&distro=ubuntu-24.04"
    "&upstream=openssl%403.0.13-0ubuntu3.5",
    "docker-ce": "pkg:deb/docker/docker-ce@5:27.3.1-1~ubuntu.24.04~noble?arch=amd64&distro=ubuntu-24.04",
    "nginx": "pkg:deb/nginx/nginx@1.28.0-1~noble?arch=amd64&distro=ubuntu-24.04",
    "dokku": "pkg:deb/dokku/dokku@0.38.27?arch=amd64&distro=ubuntu-24.04",
    "dokku-letsencrypt": f"pkg:github/dokku/dokku-letsencrypt@{COMMIT}",
    "own": f"pkg:generic/own@{COMMIT}?vcs_url=git%2Bhttps://git.example/own.git%40{COMMIT}",
    "odd": f"pkg:generic/odd@{COMMIT}",
    "herokuish": "pkg:oci/herokuish@sha256:34?repository_url=docker.io/gliderlabs/herokuish&tag=latest",
    "b": "pkg:oci/b@sha256:56?repository_url=registry.example:5000/a/b&tag=1",
}


@pytest.mark.parametrize("name", [*ADDRESSES])
def test_each_thing_has_its_address(name: str) -> None:
    assert PackageURL.from_string(components(FULL)[name]["purl"]) == PackageURL.from_string(ADDRESSES[name])


def test_every_package_plugin_and_container_image_is_in_it_and_the_system() -> None:
    found = components(FULL)
    assert {*found} == {*ADDRESSES, "libstdc++6", "vim", "ubuntu"}
    assert (found["ubuntu"]["type"], found["ubuntu"]["version"]) == ("operating-system", "24.04")
    assert (found["herokuish"]["type"], found["dokku"]["type"]) == ("container", "library")
    for name in ("libstdc++6", "vim"):
        purl = PackageURL.from_string(found[name]["purl"])
        assert purl.version == next(one.version for one in FULL.packages if one.name == name)


def test_it_says_which_release_it_is_of() -> None:
    about = json.loads(sbom.text(FULL))["metadata"]
    assert (about["component"]["name"], about["component"]["version"]) == ("host", RELEASE)
    told = {one["name"]: one["value"] for one in about["component"]["properties"]}
    assert told["dokku-bakery:fingerprint"] == FULL.fingerprint
    assert about["timestamp"].startswith("2026-11-23T04:20:00")


def test_the_same_release_has_the_same_text_and_another_one_another_number() -> None:
    assert sbom.text(FULL) == sbom.text(FULL)
    other = FULL.model_copy(update={"release": "20261124-0415-0123456789ab"})
    numbers = {json.loads(sbom.text(one))["serialNumber"] for one in (FULL, other)}
    assert len(numbers) == 2
