"""A release's ids as text, for people and for the tools that start machines; values in, text out.

What comes from a rehearsal says so in every form: its ids look like real ones, and no cloud knows them.
"""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from bakery.catalog import promotions
from bakery.catalog.catalog import Catalog, Release
from bakery.core.errors import did_you_mean, impossible
from bakery.definition.place_names import Cloud, city, cloud
from bakery.packer.render import hcl

REHEARSAL = "A rehearsal: no cloud knows these ids."


class Form(StrEnum):
    """What the ids can be written as."""

    TABLE = "table"
    JSON = "json"
    TERRAFORM = "terraform"
    CLOUDFORMATION = "cloudformation"
    ENV = "env"
    PACKER = "packer"


def form(name: str) -> Form:
    """Return the form of that name.

    Raises BakeryError (exit code 2) when there is none.
    """
    if name not in list(Form):
        raise impossible(f"there is no format {name!r}", hint=did_you_mean(name, Form))
    return Form(name)


def render(releases: Sequence[Release], catalog: Catalog, *, form: Form) -> str:
    """Return releases with their ids in each of their places, as lines that end with a line break.

    They are more than one only while regions differ in what is `latest`: each is in other places, and the first names
    them all where a form has room for one name.
    """
    release = _one(releases)
    match form:
        case Form.TABLE:
            lines = _table(releases, catalog)
        case Form.JSON:
            lines = _json(release, catalog, {region: one.release for one in releases for region in one.places})
        case Form.TERRAFORM:
            lines = _terraform(release, catalog, title=_title(releases, catalog))
        case Form.CLOUDFORMATION:
            lines = _cloudformation(release, catalog, title=_title(releases, catalog))
        case Form.ENV:
            lines = _env(release, catalog, title=_title(releases, catalog))
        case Form.PACKER:
            lines = _packer(release, catalog, title=_title(releases, catalog))
    return "".join(f"{line}\n" for line in lines)


def identifier(release: Release, catalog: Catalog) -> str:
    """Return what an image's map is called in HCL, where everybody writes words with underscores."""
    return f"dokku_bakery_{catalog.image.replace('-', '_')}_{release.arch}"


def logical_id(release: Release, catalog: Catalog) -> str:
    """Return what an image's map is called in CloudFormation, where a logical id holds letters and digits only."""
    return "".join(word.capitalize() for word in ("dokku", "bakery", *catalog.image.split("-"), release.arch))


def variable(region: str) -> str:
    """Return what the id of a region is called in an environment."""
    return f"BAKERY_{'AMI' if cloud(region) is Cloud.AWS else 'IMAGE'}_{region.replace('-', '_').upper()}"


def amis(release: Release) -> dict[str, str]:
    """Return a release's ids by region, sorted."""
    return {region: release.places[region].image_id for region in sorted(release.places)}


def _one(releases: Sequence[Release]) -> Release:
    """Return the first of some releases as if it were in all their places."""
    first, *others = releases
    places = {**first.places, **{region: placed for one in others for region, placed in one.places.items()}}
    return first.model_copy(update={"places": places})


def _title(releases: Sequence[Release], catalog: Catalog) -> str:
    told = [f"{one.release} ({one.arch}, {one.base}{_where(one, releases)})" for one in releases]
    return f"{catalog.image} {' and '.join(told)}"


def _where(release: Release, releases: Sequence[Release]) -> str:
    return f", in {', '.join(sorted(release.places))}" if len(releases) > 1 else ""


def _table(releases: Sequence[Release], catalog: Catalog) -> Iterable[str]:
    if catalog.is_rehearsal:
        yield REHEARSAL
    for one in releases:
        told = f"{one.arch}, {one.base}, {_state(one, catalog)}{_where(one, releases)}"
        yield f"{catalog.image} {one.release} ({told})"
    yield ""
    release = _one(releases)
    rows = [("region", "city", "AMI" if _is_aws(release) else "image", "published")]
    for region, image_id in amis(release).items():
        rows.append((region, city(region), image_id, f"{release.places[region].published_at:%Y-%m-%d}"))
    yield from _columns(rows)


def _state(release: Release, catalog: Catalog) -> str:
    where = promotions.everywhere(catalog.history(release.arch))
    named = [region for region, name in where.items() if name == release.release]
    if named:
        return "latest" if named == [*where] or {*release.places} <= {*named} else f"latest in {', '.join(named)}"
    return "verified" if release.verified_at else "not verified"


def _is_aws(release: Release) -> bool:
    return all(cloud(place) is Cloud.AWS for place in release.places)


def _columns(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _json(release: Release, catalog: Catalog, releases: Mapping[str, str]) -> Iterable[str]:
    value = {
        "image": catalog.image,
        "release": release.release,
        "arch": release.arch,
        "base": release.base,
        "fingerprint": release.fingerprint,
        "is_rehearsal": catalog.is_rehearsal,
        "amis": amis(release),
        "releases": dict(sorted(releases.items())),
    }
    return [json.dumps(value, indent=2)]


def _terraform(release: Release, catalog: Catalog, *, title: str) -> Iterable[str]:
    name = identifier(release, catalog)
    yield from _heading(title, catalog, use=f"ami = local.{name}[var.region]")
    yield "locals {"
    for line in _hcl_map(name, amis(release)):
        yield f"  {line}"
    yield "}"


def _packer(release: Release, catalog: Catalog, *, title: str) -> Iterable[str]:
    name = identifier(release, catalog)
    yield from _heading(title, catalog, use=f'variable "{name}" {{ type = map(string) }}')
    yield from _hcl_map(name, amis(release))


def _hcl_map(name: str, values: Mapping[str, str]) -> Iterable[str]:
    # `terraform fmt` and `packer fmt` align the equals signs of attributes that follow one another.
    width = max((len(hcl(key)) for key in values), default=0)
    yield f"{name} = {{"
    for key, value in values.items():
        yield f"  {hcl(key):<{width}} = {hcl(value)}"
    yield "}"


def _cloudformation(release: Release, catalog: Catalog, *, title: str) -> Iterable[str]:
    name = logical_id(release, catalog)
    yield from _heading(title, catalog, use=f'ImageId: !FindInMap [{name}, !Ref "AWS::Region", AMI]')
    yield "Mappings:"
    yield f"  {name}:"
    for region, image_id in amis(release).items():
        if cloud(region) is not Cloud.AWS:
            # CloudFormation is AWS's.
            continue
        yield f"    {region}:"
        yield f"      AMI: {image_id}"


def _env(release: Release, catalog: Catalog, *, title: str) -> Iterable[str]:
    values = {"BAKERY_IMAGE": catalog.image, "BAKERY_RELEASE": release.release}
    values |= {variable(region): image_id for region, image_id in amis(release).items()}
    yield from _heading(title, catalog)
    for name, value in values.items():
        yield f"{name}={shlex.quote(value)}"


def _heading(title: str, catalog: Catalog, *, use: str = "") -> Iterable[str]:
    yield f"# Dokku Bakery: {title}"
    if catalog.is_rehearsal:
        yield f"# {REHEARSAL}"
    if use:
        yield f"# {use}"
