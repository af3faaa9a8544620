"""The table [aws]: what cannot be is one line with the key, before AWS is asked for anything."""

from pathlib import Path

import pytest

from bakery.core.errors import BakeryError, ExitCode
from bakery.definition.aws import Aws, Login
from bakery.definition.layers import load_file

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
    assert (aws.deprecate_after_days, aws.protect) == (180, True)


def test_the_key_that_holds_in_every_cloud_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(BakeryError, match=r"shop\.toml: aws\.keep: holds in every cloud") as caught:
        read(tmp_path, "keep = 5")
    assert (caught.value.exit_code, caught.value.hint) == (ExitCode.IMPOSSIBLE, "[releases] keep = 5")


def test_every_key_can_be_set(tmp_path: Path) -> None:
    aws = read(
        tmp_path,
        f"""
        regions = ["eu-west-2", "us-east-1"]
        instance_type = "c7gn.metal"
        login = "ssm"
        instance_profile = "bakery"
        subnet = {{ "eu-west-2" = "subnet-0123456789abcdef0" }}
        vpc = {{ "us-east-1" = "vpc-0123456789abcdef0" }}
        allow_from = ["203.0.113.0/24", "2001:db8::/32"]
        tags = {{ "cost centre" = "42" }}
        spot = true
        encrypt = true
        kms_keys = {{ eu-west-2 = "{KEY}", us-east-1 = "arn:aws:kms:us-east-1:123456789012:alias/images" }}
        share_with = ["123456789012", "{ORGANIZATION}", "{UNIT}"]
        deprecate_after_days = 3650
        protect = false
        parameters = "/shop/images"
        launch_template = "shop(web)/1.0"
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
    "login = 'telnet'": ("login: 'telnet' is not possible here", "known: private, ssh, ssm"),
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
}


@pytest.mark.parametrize(("text", "expected"), WRONG.items())
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


def tags(count: int) -> str:
    return ", ".join(f"x{number} = ''" for number in range(count))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('login = "ssm"', "aws.login: goes through Systems Manager, which needs an instance profile"),
        ('login = "vpn"', "aws.login"),
        ('subnet = "builds"', "aws.subnet: 'builds' is no id such as 'subnet-0123456789abcdef0'"),
        ('vpc = { "eu-west-2" = "subnet-0123456789abcdef0" }', "is no id such as 'vpc-0123456789abcdef0'"),
        ('subnet = { "eu-wset-2" = "subnet-0123456789abcdef0" }', "there is no region 'eu-wset-2'"),
        (
            'regions = ["eu-west-2", "us-east-1"]\nvpc = "vpc-0123456789abcdef0"',
            "aws.vpc: vpc-0123456789abcdef0 is in one",
        ),
        ('subnet = "subnet-0123456789abcdef0"\nsubnet_filter = { "tag:Name" = "x" }', "aws.subnet_filter"),
        ('subnet_filter = { "Tag Name" = "x" }', "is no filter of DescribeSubnets"),
        ('allow_from = ["203.0.113.7/24"]', "is no range of addresses such as '203.0.113.0/24'"),
        ('allow_from = ["office"]', "is no range of addresses"),
        ("allow_from = []", "aws.allow_from"),
        ('tags = { "bakery:image" = "x" }', "aws.tags.bakery:image: is a tag that is not yours to set"),
        ('tags = { "Bakery:Image" = "x" }', "aws.tags.Bakery:Image: is a tag that is not yours to set"),
        ('tags = { "aws:x" = "x" }', "aws.tags.aws:x: is a tag that is not yours to set"),
        ('tags = { Name = "x" }', "aws.tags.Name: is a tag that is not yours to set"),
        ('tags = { cost = "{{.X}}" }', "aws.tags.cost: '{{.X}}' is no value of a tag"),
        (f'tags = {{ cost = "{"x" * 257}" }}', "is no value of a tag"),
        ('tags = { "" = "x" }', "is no key of a tag"),
        ('tags = { "cost?" = "x" }', "aws.tags.cost?: is no key of a tag"),
        (f'tags = {{ "{"x" * 129}" = "x" }}', "is no key of a tag"),
        (f"tags = {{ {tags(39)} }}", "aws.tags: 39 tags are more than 38"),
        ('subnet_filter = { "tag:Name" = "" }', "aws.subnet_filter.tag:Name: is no filter of DescribeSubnets"),
        ('vpc = { "eu-west-2" = 5 }', "aws.vpc.eu-west-2: 5 is no id such as 'vpc-0123456789abcdef0'"),
        ('parameters = "/ssm/x"', "is no prefix of parameters"),
        ('parameters = "/AWS/x"', "is no prefix of parameters"),
        ('instance_profile = "two words"', "is no name of an instance profile"),
    ],
)
def test_a_network_or_tag_that_cannot_be_is_told_with_its_key(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BakeryError) as caught:
        read(tmp_path, text)
    assert caught.value.exit_code is ExitCode.IMPOSSIBLE
    assert said in caught.value.message


def test_of_a_tag_that_is_not_one_s_own_it_is_told_which_are(tmp_path: Path) -> None:
    with pytest.raises(BakeryError) as caught:
        read(tmp_path, 'tags = { "aws:x" = "x" }')
    assert caught.value.hint == "any but Name, aws:… and bakery:…"


@pytest.mark.parametrize(
    "text",
    [
        f'tags = {{ "{"x" * 128}" = "{"x" * 256}", x = "" }}',
        f"tags = {{ {tags(38)} }}",
        f'parameters = "/{"x" * 799}"',
        'subnet = "subnet-0123abcd"',
        'subnet = ""\nvpc = {}',
        'instance_type = ""',
    ],
)
def test_what_is_just_possible_is_taken(text: str, tmp_path: Path) -> None:
    read(tmp_path, text)


def test_a_network_is_for_every_region_or_by_region(tmp_path: Path) -> None:
    one = "subnet-0123456789abcdef0"
    assert read(tmp_path, f'subnet = "{one}"').subnet_in("eu-west-2") == one
    aws = read(tmp_path, f'subnet = {{ "eu-west-2" = "{one}" }}')
    assert (aws.subnet_in("eu-west-2"), aws.subnet_in("us-east-1"), aws.vpc_in("eu-west-2")) == (one, "", "")


def test_a_single_address_is_a_range(tmp_path: Path) -> None:
    assert read(tmp_path, 'allow_from = ["203.0.113.7", "2001:db8::1"]').allow_from == (
        "203.0.113.7/32",
        "2001:db8::1/128",
    )
