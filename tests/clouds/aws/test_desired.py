import pytest

from bakery.catalog import record
from bakery.cloud import naming, reconcile
from bakery.clouds.aws import desired
from bakery.core.errors import BakeryError, ExitCode
from bakery.definition import layers
from bakery.definition.model import Definition
from tests import rehearsed

RELEASE = "20261123-0415-0123456789ab"


def test_a_release_that_was_not_verified_has_no_tag_that_says_so() -> None:
    release = rehearsed.verified(image_id="ami-0123456789abcdef0")
    assert naming.VERIFIED in record.tags(release, image="host")
    assert naming.VERIFIED not in record.tags(release.model_copy(update={"verified_at": None}), image="host")


def test_what_is_wanted_follows_the_definition() -> None:
    release = rehearsed.verified(image_id="ami-0123456789abcdef0")
    definition = layers.whole("host")
    wanted = desired.of(release, definition, region="eu-west-1")
    assert wanted.source == ("eu-west-2", "ami-0123456789abcdef0")
    assert wanted.parameter == f"/dokku-bakery/host/{release.release}/amd64"
    assert (wanted.latest, wanted.launch_template) == ("", "")
    assert (
        desired.of(release, definition, region="eu-west-1", is_latest=True).latest == "/dokku-bakery/host/latest/amd64"
    )


KEYS = {
    "eu-west-1": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "eu-west-2": "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}
FLEET = Definition.model_validate(
    {
        "name": "fleet",
        "description": "What it is",
        "aws": {
            "tags": {"team": "ops"},
            "encrypt": True,
            "kms_keys": KEYS,
            "share_with": ["210987654321"],
            "deprecate_after_days": 2,
            "launch_template": "web",
        },
    }
)


def test_every_key_of_the_definition_is_wanted_in_every_region() -> None:
    release = rehearsed.verified(image_id="ami-0123456789abcdef0")
    copy = release.model_copy(update={"places": release.places | {"eu-west-1": release.places["eu-west-2"]}})
    wanted = desired.of(copy, FLEET, region="eu-west-1", is_latest=True)
    assert wanted == reconcile.Wanted(
        region="eu-west-1",
        name=f"dokku-bakery/fleet/{release.release}/amd64",
        description="What it is",
        source=("eu-west-2", "ami-0123456789abcdef0"),
        tags={"team": "ops", **record.tags(release, image="fleet")},
        own_tags={"team": "ops"},
        readers=("210987654321",),
        is_encrypted=True,
        kms_key=KEYS["eu-west-1"],
        deprecate_at=naming.deprecation(release.baked_at, days=2),
        is_protected=True,
        parameter=f"/dokku-bakery/fleet/{release.release}/amd64",
        latest="/dokku-bakery/fleet/latest/amd64",
        launch_template="web",
        placed="ami-0123456789abcdef0",
    )
    assert desired.of(copy, FLEET, region="eu-west-2", is_latest=True).kms_key == KEYS["eu-west-2"]


def test_what_is_not_there_yet_and_what_no_key_names_is_empty() -> None:
    wanted = desired.of(rehearsed.verified(), FLEET, region="eu-west-3")
    assert (wanted.source, wanted.placed) == (("eu-west-2", ""), "")
    assert (wanted.kms_key, wanted.latest, wanted.launch_template) == ("", "", "")


def test_only_the_region_of_the_bake_is_the_source() -> None:
    release = rehearsed.verified(image_id="ami-0123456789abcdef0")
    definition = layers.whole("host")
    assert desired.of(release, definition, region="eu-west-2").is_source
    assert not desired.of(release, definition, region="eu-west-1").is_source


def test_organizations_cannot_read_a_snapshot_and_are_left_out_there() -> None:
    release = rehearsed.verified(image_id="ami-0123456789abcdef0")
    definition = layers.whole("host")
    organization = "arn:aws:organizations::123456789012:organization/o-exampleorgid"
    aws = definition.aws.model_copy(update={"share_with": ("210987654321", organization)})
    wanted = desired.of(release, definition.model_copy(update={"aws": aws}), region="eu-west-1")
    assert wanted.accounts == {"210987654321"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zürich \u2013 a node", "Zurich a node"),
        ("plain (text) + more", "plain (text) + more"),
        ("\u4e1c\u4eac", ""),
        ("\u2026" * 255, "." * 255),
    ],
)
def test_a_description_has_at_most_255_letters_that_aws_takes(text: str, expected: str) -> None:
    assert desired.described(text) == expected


def test_what_is_encrypted_and_shared_needs_a_key_in_every_region_that_is_asked_for() -> None:
    key = "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    told = {"encrypt": True, "share_with": ["210987654321"], "kms_keys": {"eu-west-2": key}}
    wanted_by = Definition.model_validate({"name": "host", "aws": told})
    desired.require_readable(wanted_by, "eu-west-2")
    desired.require_readable(Definition.model_validate({"name": "host", "aws": {"encrypt": True}}), "us-east-1")
    with pytest.raises(BakeryError, match="us-east-1: what is encrypted and shared needs a key") as caught:
        desired.require_readable(wanted_by, "us-east-1")
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.hint == "aws.kms_keys.us-east-1 in images/host.toml"


def test_one_s_own_tags_never_replace_ours() -> None:
    release = rehearsed.verified()
    tags = record.tags(release, image="host", own={"team": "ops", naming.IMAGE: "theirs", "Name": "theirs"})
    assert tags == {"team": "ops", **record.tags(release, image="host")}
