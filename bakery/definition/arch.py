"""Which architectures this machine can bake for."""

import platform

from bakery.core.errors import impossible
from bakery.definition.bases import Arch

_ARCH_OF_MACHINE = {"x86_64": Arch.AMD64, "amd64": Arch.AMD64, "aarch64": Arch.ARM64, "arm64": Arch.ARM64}


def require_bakeable(arch: Arch) -> None:
    """Refuse what this machine's processor cannot run.

    Raises BakeryError (exit code 2): QEMU could emulate the other processor, but a bake would take hours.
    """
    own = _ARCH_OF_MACHINE.get(platform.machine().lower(), "")
    if arch != own:
        hint = f"bake it on an {arch} machine, or in a cloud region that has them"
        raise impossible(f"an {arch} image cannot be baked on this {own or platform.machine()} machine", hint=hint)
