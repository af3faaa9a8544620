"""The table [aws]: what cannot be is one line with the key, before AWS is asked for anything."""

from pathlib import Path

import pytest

from bakery.aws_table import Aws, Login
from bakery.errors import BakeryError, ExitCode
from bakery.images import load_file

ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcdefghij"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-abcd-12345678"
KEY = "arn:aws:kms:eu-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
AWS_OWN = "arn:aws:kms:eu-west-2:123456789012:alias/aws/"


def read(folder: Path, text: str) -> Aws:
    path = folder / "shop.toml"
    path.write_text(f"[aws]\n{text}\n")
    return load_file(path).aws


def test_without_the_table_an_image_is_published_nowhere_and_shared_with_nobody(tmp_path: Path) -> None:
    aws = read(tmp_path, "")
    assert (aws.regions, aws.share_with, aws.is_public, aws.encrypt) == ((), (), False, False)
    assert (aws.deprecate_after_days, aws.protect, aws.keep) == (180, True, 3)


def test_every_key_can_be_set(tmp_path: Path) -> None:
    aws = read(
        tmp_path,
        f"""
        regions = ["eu-west-2", "us-east-1"]
        instance_type = "c7gn.metal"
        login = "ssm"
        spot = true
        encrypt = true
        kms_keys = {{ eu-west-2 = "{KEY}", us-east-1 = "arn:aws:kms:us-east-1:123456789012:alias/images" }}
        share_with = ["123456789012", "{ORGANIZATION}", "{UNIT}"]
        deprecate_after_days = 3650
        protect = false
        parameters = "/shop/images"
        launch_template = "shop(web)/1.0"
        keep = 1
        """,
    )
    assert aws.login is Login.SSM
    assert aws.share_with == ("123456789012", ORGANIZATION, UNIT)
    assert aws.kms_keys["eu-west-2"] == KEY
    assert (aws.instance_type, aws.launch_template, aws.parameters) == ("c7gn.metal", "shop(web)/1.0", "/shop/images")


def test_aws_own_key_encrypts_what_nobody_else_reads(tmp_path: Path) -> None:
    aws = read(tmp_path, f"encrypt = true\nkms_keys = {{ eu-west-2 = '{AWS_OWN}ebs' }}")
    assert aws.kms_keys == {"eu-west-2": f"{AWS_OWN}ebs"}


def test_public_is_said_by_the_table(tmp_path: Path) -> None:
    assert read(tmp_path, "share_with = ['public']").is_public


WRONG = {
    "regions = ['eu-wset-2']": ("regions.0: there is no region 'eu-wset-2'", "did you mean 'eu-west-2'?"),
    "regions = ['eu-west-2', 'us-east-1', 'eu-west-2']": ("regions: 'eu-west-2' is listed twice", ""),
    "regions = ['eu-west-2', 'cn-north-1']": ("regions: nothing is copied from eu-west-2 to cn-north-1", ""),
    "regoins = []": ("regoins: unknown key", "did you mean 'regions'?"),
    "instance_type = 'small'": ("instance_type: 'small' is no instance type such as 't3.small'", ""),
    "login = 'telnet'": ("login: 'telnet' is not possible here", "known: ssh, ssm"),
    "share_with = ['12345']": (
        "share_with.0: '12345' is no reader: twelve digits, the ARN of an organization or its unit, or 'public'",
        "",
    ),
    "share_with = [123456789012]": ("share_with.0: must be text in quotes", ""),
    "share_with = ['public', 'public']": ("share_with: 'public' is listed twice", ""),
    "share_with = ['public']\nencrypt = true": (
        "encrypt: an encrypted image cannot be public",
        "encrypt = false",
    ),
    "share_with = ['public']\ndeprecate_after_days = 731": (
        "deprecate_after_days: a public image is deprecated after 730 days at most",
        "",
    ),
    "deprecate_after_days = 3651": ("deprecate_after_days: 3651 is not possible: at most 3650", ""),
    "deprecate_after_days = 0": ("deprecate_after_days: 0 is not possible: at least 1", ""),
    f"kms_keys = {{ eu-west-2 = '{KEY}' }}": ("kms_keys: does nothing without encrypt = true", ""),
    f"encrypt = true\nkms_keys = {{ eu-west-1 = '{KEY}' }}": ("kms_keys.eu-west-1: that key is in eu-west-2", ""),
    "encrypt = true\nkms_keys = { eu-west-2 = 'mine' }": (
        "kms_keys.eu-west-2: 'mine' is no ARN of a KMS key or alias",
        "",
    ),
    "encrypt = true\nshare_with = ['123456789012']\nregions = ['eu-west-2']": (
        "kms_keys.eu-west-2: what is shared needs a key of your own in eu-west-2",
        "",
    ),
    f"encrypt = true\nshare_with = ['123456789012']\nkms_keys = {{ eu-west-2 = '{AWS_OWN}ebs' }}": (
        f"kms_keys.eu-west-2: {AWS_OWN}ebs is AWS's own key, and what it encrypts can be shared with nobody",
        "a key of your own",
    ),
    f"encrypt = true\nkms_keys = {{ eu-west-2 = '{AWS_OWN}s3' }}": (
        f"kms_keys.eu-west-2: '{AWS_OWN}s3' is another service's key: a key of your own, or alias/aws/ebs",
        "",
    ),
    f"parameters = '/{'x' * 800}'": ("parameters: a prefix of parameters has at most 800 characters", ""),
    "parameters = '/aws/x'": (
        "parameters: '/aws/x' is no prefix of parameters such as '/dokku-bakery'; /aws and /ssm are AWS's",
        "",
    ),
    "parameters = 'shop'": (
        "parameters: 'shop' is no prefix of parameters such as '/dokku-bakery'; /aws and /ssm are AWS's",
        "",
    ),
    "launch_template = 'a,b'": (
        "launch_template: 'a,b' is no name of a launch template: 3 to 128 letters, digits and ( ) . / _ -",
        "",
    ),
    "keep = 0": ("keep: 0 is not possible: at least 1", ""),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items(), ids=list(WRONG))
def test_what_cannot_be_is_one_line_with_key_and_hint(text: str, expected: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(BakeryError) as caught:
        read(tmp_path, text)
    problem, hint = expected
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert caught.value.message.replace(f"{tmp_path}/", "") == f"shop.toml: aws.{problem}"
    assert caught.value.hint == hint


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-eusc"])
def test_arns_are_of_every_partition(partition: str, tmp_path: Path) -> None:
    region = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}[partition]
    key = KEY.replace("arn:aws", f"arn:{partition}").replace("eu-west-2", region)
    reader = UNIT.replace("arn:aws", f"arn:{partition}")
    text = f"""
        regions = ["{region}"]
        encrypt = true
        kms_keys = {{ "{region}" = "{key}" }}
        share_with = ["{reader}"]
    """
    assert read(tmp_path, text).share_with == (reader,)
    with pytest.raises(BakeryError, match=f"is of another partition than {region}, which is in {partition}"):
        read(tmp_path, text.replace(reader, ORGANIZATION))


def test_an_arn_of_no_partition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match="is no reader"):
        read(tmp_path, f'share_with = ["{ORGANIZATION.replace("arn:aws", "arn:aws-mars")}"]')
