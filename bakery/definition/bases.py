"""What differs between the operating system releases an image starts from: one table, no branches elsewhere.

Canonical's AWS names: documentation.ubuntu.com/aws, "Find Ubuntu images on AWS". Debian's: wiki.debian.org/Cloud.
"""

from dataclasses import dataclass
from enum import StrEnum

from bakery.core.errors import did_you_mean, impossible


class Arch(StrEnum):
    """A processor architecture, by Debian's name for it."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class BaseName(StrEnum):
    """Every base an image may start from."""

    UBUNTU_22_04 = "ubuntu-22.04"
    UBUNTU_24_04 = "ubuntu-24.04"
    UBUNTU_26_04 = "ubuntu-26.04"
    DEBIAN_12 = "debian-12"
    DEBIAN_13 = "debian-13"


DEFAULT_BASE = BaseName.UBUNTU_24_04
"""What an image starts from that names none: the one release that dokku's own tests run on (its .github/workflows)."""


class BaseFrom(StrEnum):
    """Where a local base comes from: the package archive, or the distribution's official cloud image."""

    ARCHIVE = "archive"
    CLOUD = "cloud"


class Distro(StrEnum):
    """The two distributions dokku publishes packages for."""

    DEBIAN = "debian"
    UBUNTU = "ubuntu"


class Pocket(StrEnum):
    """The three parts of a release that apt reads as suites of their own."""

    RELEASE = "release"
    UPDATES = "updates"
    SECURITY = "security"

    def suite(self, codename: str) -> str:
        """Return the suite's name, e.g. ``bookworm-security``."""
        return codename if self is Pocket.RELEASE else f"{codename}-{self}"


@dataclass(frozen=True, kw_only=True)
class CloudImage:
    """The distribution's official cloud image: a folder with images (name holds ``{arch}``) and their checksums."""

    folder: str
    image: str
    sums: str
    signature: str | None
    """The checksums' detached signature; None where the distribution publishes none."""
    signing_key: str | None
    """Fingerprint of the key that signs the checksums; the key itself is in bakery/data/."""

    def url(self, arch: Arch) -> str:
        """Return the image's address."""
        return f"{self.folder}/{self.image.format(arch=arch)}"

    @property
    def sums_url(self) -> str:
        """Return the address of the checksums."""
        return f"{self.folder}/{self.sums}"

    @property
    def signature_url(self) -> str | None:
        """Return the address of the checksums' signature."""
        return f"{self.folder}/{self.signature}" if self.signature else None


@dataclass(frozen=True, kw_only=True)
class AwsBase:
    """Where AWS keeps the base: its owner, the parameter with its id, its name's pattern, its own login user."""

    owner: str
    ssm_path: str
    name_pattern: str
    user: str

    def parameter(self, arch: Arch) -> str:
        """Return the public SSM parameter that holds the newest id."""
        return self.ssm_path.format(arch=arch)

    def pattern(self, arch: Arch) -> str:
        """Return the glob its names match."""
        return self.name_pattern.format(arch=arch)


@dataclass(frozen=True, kw_only=True)
class Base:
    """One operating system release."""

    name: BaseName
    distro: Distro
    version: str
    codename: str
    components: tuple[str, ...]
    archive: str | None
    """The vendor's own archive; None for Debian, whose mirror comes from the host's apt sources."""
    security_archive: str | None
    kernel_package: str
    keyring: str
    """The archive's keyring on a host that has the distribution's keyring package."""
    keyring_package: str
    default_user: str
    """The login user that cloud-init makes outside AWS."""
    cloud_image: CloudImage
    aws: AwsBase
    scaleway_label: str
    dokku_suite: str
    """The release whose packages of dokku fit, by its codename: mostly its own."""
    compose_package: str
    """The package that brings Docker's compose as a plugin, and is taken for `docker-compose`, on which dokku depends.

    Ubuntu's `docker-compose` is the Python program of old, which 24.04 cannot start (docker/compose#11970) and 26.04
    does not have. Empty where the distribution lacks it or buildx (Debian 12), so that both come from Docker's archive.
    """
    is_docker_cli_apart: bool = False
    """Whether the distribution's docker.io comes without the ``docker`` command (since Debian 13)."""

    def kernel(self, arch: Arch) -> str:
        """Return the package that brings a kernel for virtual machines."""
        return self.kernel_package.format(arch=arch)

    def suite(self, pocket: Pocket) -> str:
        """Return the name of one of the release's suites."""
        return pocket.suite(self.codename)

    def aws_user(self, *, is_own_disk: bool) -> str:
        """Return who logs in to a machine in AWS: of a disk that was made elsewhere, whom cloud-init makes there."""
        return self.default_user if is_own_disk else self.aws.user

    @property
    def suites(self) -> tuple[str, ...]:
        """Return the names of all its suites."""
        return tuple(self.suite(pocket) for pocket in Pocket)


def _debian(*, name: BaseName, version: str, codename: str, is_docker_cli_apart: bool, compose_package: str) -> Base:
    return Base(
        name=name,
        distro=Distro.DEBIAN,
        version=version,
        codename=codename,
        components=("main",),
        archive=None,
        security_archive=None,
        kernel_package="linux-image-cloud-{arch}",
        keyring="/usr/share/keyrings/debian-archive-keyring.gpg",
        keyring_package="debian-archive-keyring",
        default_user="debian",
        # Debian's cloud team publishes checksums without a signature: what holds them is TLS alone.
        cloud_image=CloudImage(
            folder=f"https://cloud.debian.org/images/cloud/{codename}/latest",
            image=f"debian-{version}-genericcloud-{{arch}}.qcow2",
            sums="SHA512SUMS",
            signature=None,
            signing_key=None,
        ),
        aws=AwsBase(
            owner="136693071363",
            ssm_path=f"/aws/service/debian/release/{version}/latest/{{arch}}",
            name_pattern=f"debian-{version}-{{arch}}-*",
            user="admin",
        ),
        # The pattern of labels that were seen (ubuntu_jammy to ubuntu_resolute); Debian's were not seen in a source.
        scaleway_label=f"debian_{codename}",
        dokku_suite=codename,
        is_docker_cli_apart=is_docker_cli_apart,
        compose_package=compose_package,
    )


def _ubuntu(
    *, name: BaseName, version: str, codename: str, volume: str, ssm_volume: str, dokku_suite: str = ""
) -> Base:
    return Base(
        name=name,
        distro=Distro.UBUNTU,
        version=version,
        codename=codename,
        # docker.io and, on 22.04, parts of nginx are in universe.
        components=("main", "universe"),
        archive="http://archive.ubuntu.com/ubuntu",
        security_archive="http://security.ubuntu.com/ubuntu",
        kernel_package="linux-image-virtual",
        keyring="/usr/share/keyrings/ubuntu-archive-keyring.gpg",
        keyring_package="ubuntu-keyring",
        default_user="ubuntu",
        cloud_image=CloudImage(
            folder=f"https://cloud-images.ubuntu.com/releases/{codename}/release",
            image=f"ubuntu-{version}-server-cloudimg-{{arch}}.img",
            sums="SHA256SUMS",
            signature="SHA256SUMS.gpg",
            signing_key="D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81",
        ),
        aws=AwsBase(
            owner="099720109477",
            ssm_path=f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{{arch}}/hvm/{ssm_volume}/ami-id",
            name_pattern=f"ubuntu/images/{volume}/ubuntu-{codename}-{version}-{{arch}}-server-*",
            user="ubuntu",
        ),
        scaleway_label=f"ubuntu_{codename}",
        dokku_suite=dokku_suite or codename,
        compose_package="docker-compose-v2",
    )


# Canonical moved to gp3 with 23.10; a gp3 image of jammy is asked for in places, but its own page says gp2.
_ROWS = (
    _ubuntu(name=BaseName.UBUNTU_22_04, version="22.04", codename="jammy", volume="hvm-ssd", ssm_volume="ebs-gp2"),
    _ubuntu(name=BaseName.UBUNTU_24_04, version="24.04", codename="noble", volume="hvm-ssd-gp3", ssm_volume="ebs-gp3"),
    _ubuntu(
        name=BaseName.UBUNTU_26_04,
        version="26.04",
        codename="resolute",
        volume="hvm-ssd-gp3",
        ssm_volume="ebs-gp3",
        # dokku's bootstrap takes noble's here (dokku#8791); a suite for resolute came after the version that is pinned.
        dokku_suite="noble",
    ),
    _debian(
        name=BaseName.DEBIAN_12,
        version="12",
        codename="bookworm",
        is_docker_cli_apart=False,
        compose_package="",
    ),
    _debian(
        name=BaseName.DEBIAN_13,
        version="13",
        codename="trixie",
        is_docker_cli_apart=True,
        compose_package="docker-compose",
    ),
)

BASES: dict[BaseName, Base] = {row.name: row for row in _ROWS}


def base(name: str) -> Base:
    """Return the base of that name.

    Raises BakeryError (exit code 2) when there is none.
    """
    for row in _ROWS:
        if row.name == name:
            return row
    raise impossible(f"there is no base {name!r}", hint=did_you_mean(name, [known.value for known in BASES]))
