"""A manifest as a software bill of materials in CycloneDX's form, which scanners for vulnerabilities read.

The same manifest makes the same text: its time and its serial number are the release's.
"""

from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from packageurl import PackageURL

from bakery.contents import origins
from bakery.contents.manifest import ContainerImage, Manifest, Package, Plugin
from bakery.definition import bases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclonedx.model.component import Component

DOCKER_HUB = "docker.io"


def text(manifest: Manifest) -> str:
    """Return the bill of materials of a release, as JSON of CycloneDX 1.6."""
    # A fifth of a second, which a command that shows a manifest need not pay for.
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    name = f"{manifest.image}/{manifest.release}/{manifest.arch}"
    told = {
        "base": manifest.base,
        "arch": manifest.arch,
        "fingerprint": manifest.fingerprint,
        "kernel": manifest.kernel,
    }
    root = Component(
        type=ComponentType.PLATFORM,
        name=manifest.image,
        version=manifest.release,
        bom_ref=name,
        properties=[Property(name=f"dokku-bakery:{key}", value=str(value)) for key, value in told.items()],
    )
    held = [*_components(manifest)]
    bom = Bom(
        components=held,
        serial_number=uuid5(NAMESPACE_URL, f"dokku-bakery/{name}/{manifest.fingerprint}"),
        metadata=BomMetaData(component=root, timestamp=manifest.asked_at),
    )
    bom.register_dependency(root, held)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _components(manifest: Manifest) -> "Iterator[Component]":
    from cyclonedx.model.component import Component, ComponentType

    base = bases.base(manifest.base)
    yield Component(type=ComponentType.OPERATING_SYSTEM, name=base.distro, version=base.version, bom_ref=manifest.base)
    urls = [
        *(package_url(one, manifest) for one in manifest.packages),
        *(plugin_url(one) for one in manifest.plugins),
        *(container_url(one) for one in manifest.containers),
    ]
    images = {container_url(one) for one in manifest.containers}
    for url in dict.fromkeys(urls):
        kind = ComponentType.CONTAINER if url in images else ComponentType.LIBRARY
        yield Component(type=kind, name=url.name, version=url.version, purl=url, bom_ref=url.to_string())


def package_url(package: Package, manifest: Manifest) -> PackageURL:
    """Return a package's address (purl-spec, type `deb`), with the source package that security notices go by."""
    base = bases.base(manifest.base)
    qualifiers = {"arch": package.arch, "distro": f"{base.distro}-{base.version}"}
    if (package.source, package.source_version) != (package.name, package.version):
        qualifiers["upstream"] = f"{package.source}@{package.source_version}"
    vendor = origins.vendor(package) or str(base.distro)
    return PackageURL(type="deb", namespace=vendor, name=package.name, version=package.version, qualifiers=qualifiers)


def plugin_url(plugin: Plugin) -> PackageURL:
    """Return a plugin's address with its commit (purl-spec, types `github` and `generic`)."""
    if found := origins.GITHUB.fullmatch(plugin.url):
        owner, _, name = found[1].partition("/")
        return PackageURL(type="github", namespace=owner, name=name, version=plugin.commit)
    qualifiers = {"vcs_url": f"git+{plugin.url}@{plugin.commit}"} if plugin.url else {}
    return PackageURL(type="generic", name=plugin.name, version=plugin.commit, qualifiers=qualifiers)


def container_url(image: ContainerImage) -> PackageURL:
    """Return a container image's address (purl-spec, type `oci`); one that was never in a registry goes by its id."""
    path, _, tag = image.name.rpartition(":")
    host = path.partition("/")[0]
    is_full = "/" in path and ("." in host or ":" in host)
    repository = path if is_full else f"{DOCKER_HUB}/{path}"
    return PackageURL(
        type="oci",
        name=path.rpartition("/")[2],
        version=image.digest or image.id,
        qualifiers={"repository_url": repository, "tag": tag},
    )
