"""Values in, text out: the Jinja environment, its quoting filters, and the Packer templates for one place.

Everything is decided before it gets here; a template that asks for a value it was not given is an error.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bakery import ROOT
from bakery.core.files import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

INDENT = 2
"""`packer fmt` indents with two spaces."""


def hcl(value: object) -> str:
    """Return *value* as an HCL literal.

    A JSON string is an HCL string except that `${` and `%{` begin a template in HCL
    (https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md, "Template Expressions").
    """
    return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def ruby(value: object) -> str:
    """Return *value* as a Ruby literal: a JSON string is one, except that `#{`, `#$` and `#@` interpolate."""
    return json.dumps(value, ensure_ascii=False).replace("#", "\\#")


@functools.cache
def environment() -> "Environment":
    """Return the one Jinja environment, which remembers templates; they are named relative to the checkout."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(ROOT),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters["hcl"] = hcl
    made.filters["ruby"] = ruby
    return made


def text(template: str, values: Mapping[str, object]) -> str:
    """Render one template of the checkout, such as `Vagrantfile.j2`."""
    return environment().get_template(template).render(values)


def write(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write rendered *files* into *folder* and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
    return [folder / name for name in files]
