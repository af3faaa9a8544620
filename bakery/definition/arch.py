"""Which architectures this machine can bake for, and run."""

import platform

from bakery.core.errors import impossible
from bakery.definition.bases import Arch

_ARCH_OF_MACHINE = {"x86_64": Arch.AMD64, "amd64": Arch.AMD64, "aarch64": Arch.ARM64, "arm64": Arch.ARM64}


def require_bakeable(arch: Arch, *, act: str = "baked") -> None:
    """Refuse what this machine's processor cannot run; *act* says what was to be done with the image.

    Raises BakeryError (exit code 2): QEMU could emulate the other processor, but a bake would take hours.
    """
    own = _ARCH_OF_MACHINE.get(platform.machine().lower(), "")
    if arch != own:
        hint = f"on an {arch} machine, or in a cloud's place that has them: ./inv regions"
        raise impossible(f"an {arch} image cannot be {act} on this {own or platform.machine()} machine", hint=hint)
