"""The metadata service as an instance asks it: over HTTP, with the tokens of version 2, as AWS documents it."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bakery.rehearsal import metadata, relay
from bakery.rehearsal.facts import Facts
from bakery.rehearsal.metadata import TOKEN_HEADER, TTL_HEADER, Service

MAC = "02:00:00:11:22:33"
FACTS = Facts(
    instance="i-0123456789abcdef0",
    image="ami-0123456789abcdef0",
    type="t3.micro",
    arch="x86_64",
    account="123456789012",
    region="eu-west-2",
    zone="eu-west-2a",
    reservation="r-0123456789abcdef0",
    launch_index=0,
    launched=datetime(2026, 11, 23, 4, 15, 30, tzinfo=UTC),
    root_device="/dev/xvda",
    mac=MAC,
    interface="eni-0123456789abcdef0",
    subnet="subnet-0123456789abcdef0",
    subnet_range="172.31.0.0/20",
    vpc="vpc-0123456789abcdef0",
    vpc_range="172.31.0.0/16",
    groups={"sg-1": "web", "sg-2": "ssh"},
    private_ip="172.31.3.4",
    private_name="ip-172-31-3-4.eu-west-2.compute.internal",
    public_ip="127.66.0.1",
    public_name="ec2-127-66-0-1.eu-west-2.compute.amazonaws.com",
    key=("laptop", "ssh-ed25519 AAAAC3 laptop"),
    user_data=b"#cloud-config\n\xff\x00",
    tags={"Name": "shop"},
)


class Known:
    """What is known, and may change while the service runs."""

    def __init__(self) -> None:
        self.facts = FACTS


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
def service(known: Known) -> Iterator[Service]:
    with metadata.serving(lambda: known.facts) as running:
        yield running


def ask(service: Service, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def get(service: Service, path: str) -> str:
    status, body = ask(service, path)
    assert status == 200
    return body.decode()


def token(service: Service, ttl: str = "60") -> str:
    status, body = ask(service, "/latest/api/token", "PUT", **{TTL_HEADER: ttl})
    assert status == 200
    return body.decode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ami-id", FACTS.image),
        ("instance-id", FACTS.instance),
        ("instance-type", "t3.micro"),
        ("hostname", FACTS.private_name),
        ("local-hostname", FACTS.private_name),
        ("local-ipv4", "172.31.3.4"),
        ("public-ipv4", "127.66.0.1"),
        ("public-hostname", FACTS.public_name),
        ("mac", MAC),
        ("placement/availability-zone", "eu-west-2a"),
        ("placement/region", "eu-west-2"),
        ("public-keys/0/openssh-key", "ssh-ed25519 AAAAC3 laptop"),
        ("security-groups", "web\nssh"),
        ("block-device-mapping/ami", "xvda"),
        ("block-device-mapping/root", "/dev/xvda"),
        ("reservation-id", FACTS.reservation),
        ("services/domain", "amazonaws.com"),
        ("services/partition", "aws"),
        ("tags/instance/Name", "shop"),
        (f"network/interfaces/macs/{MAC}/local-ipv4s", "172.31.3.4"),
        (f"network/interfaces/macs/{MAC}/security-group-ids", "sg-1\nsg-2"),
        (f"network/interfaces/macs/{MAC}/subnet-ipv4-cidr-block", "172.31.0.0/20"),
        (f"network/interfaces/macs/{MAC}/ipv4-associations/127.66.0.1", "172.31.3.4"),
    ],
)
def test_a_category_has_its_value(service: Service, path: str, value: str) -> None:
    assert get(service, f"/latest/meta-data/{path}") == value


def test_the_versions_that_cloud_init_asks_for_are_there(service: Service) -> None:
    assert {"2009-04-04", "2021-03-23", "latest"} <= set(get(service, "/").split())
    assert get(service, "/2021-03-23/meta-data/instance-id") == FACTS.instance


def test_an_unknown_version_is_not_there(service: Service) -> None:
    assert ask(service, "/2031-01-01/meta-data/instance-id")[0] == 404


def test_a_folder_is_listed_with_a_slash_behind_its_folders(service: Service) -> None:
    assert get(service, "/latest/") == "dynamic\nmeta-data\nuser-data"
    listed = get(service, "/latest/meta-data/").split("\n")
    assert {"instance-id", "placement/", "public-keys/", "network/"} <= set(listed)
    assert get(service, "/latest/meta-data/network/interfaces/macs/") == f"{MAC}/"


def test_keys_are_listed_by_number_and_name(service: Service) -> None:
    assert get(service, "/latest/meta-data/public-keys/") == "0=laptop"
    assert get(service, "/latest/meta-data/public-keys/0/") == "openssh-key"


@pytest.mark.parametrize("path", ["meta-data/nothing", "meta-data/mac/below", "meta-data/iam/info", "nothing"])
def test_what_is_not_known_is_not_there(service: Service, path: str) -> None:
    assert ask(service, f"/latest/{path}")[0] == 404


@pytest.mark.parametrize("path", ["public-keys", "public-ipv4", "public-hostname", "tags"])
def test_what_an_instance_has_not_is_not_there(service: Service, known: Known, path: str) -> None:
    known.facts = replace(FACTS, key=None, public_ip="", tags=None)
    assert ask(service, f"/latest/meta-data/{path}")[0] == 404
    assert path not in get(service, "/latest/meta-data/").replace("/", "").split("\n")


def test_user_data_comes_as_it_was_given(service: Service) -> None:
    assert ask(service, "/latest/user-data") == (200, FACTS.user_data)


def test_without_user_data_there_is_none(service: Service, known: Known) -> None:
    known.facts = replace(FACTS, user_data=None)
    assert ask(service, "/latest/user-data")[0] == 404
    assert get(service, "/latest") == "dynamic\nmeta-data"


def test_the_identity_document_names_the_instance_and_its_place(service: Service) -> None:
    document = json.loads(get(service, "/latest/dynamic/instance-identity/document"))
    assert (document["instanceId"], document["region"], document["accountId"]) == (
        FACTS.instance,
        "eu-west-2",
        "123456789012",
    )
    assert document["pendingTime"] == "2026-11-23T04:15:30Z"


def test_a_region_in_china_has_a_domain_of_its_own(service: Service, known: Known) -> None:
    known.facts = replace(FACTS, region="cn-north-1")
    assert get(service, "/latest/meta-data/services/domain") == "amazonaws.com.cn"
    assert get(service, "/latest/meta-data/services/partition") == "aws-cn"


def test_without_a_token_nothing_is_told_where_tokens_are_required(service: Service, known: Known) -> None:
    assert ask(service, "/latest/meta-data/mac")[0] == 200
    known.facts = replace(FACTS, is_token_required=True)
    assert ask(service, "/latest/meta-data/mac")[0] == 401


def test_a_token_opens_what_is_closed(service: Service, known: Known) -> None:
    known.facts = replace(FACTS, is_token_required=True)
    assert ask(service, "/latest/meta-data/mac", **{TOKEN_HEADER: token(service)}) == (200, MAC.encode())


def test_a_wrong_token_opens_nothing_even_where_none_is_required(service: Service) -> None:
    assert ask(service, "/latest/meta-data/mac", **{TOKEN_HEADER: "made-up"})[0] == 401


def test_a_token_ends(service: Service) -> None:
    given = token(service, "1")
    assert ask(service, "/latest/meta-data/mac", **{TOKEN_HEADER: given})[0] == 200
    service.tokens[given] = time.monotonic()
    assert ask(service, "/latest/meta-data/mac", **{TOKEN_HEADER: given})[0] == 401


@pytest.mark.parametrize("ttl", ["", "0", "21601", "-5", "soon"])
def test_a_token_lasts_one_second_to_six_hours(service: Service, ttl: str) -> None:
    assert ask(service, "/latest/api/token", "PUT", **{TTL_HEADER: ttl})[0] == 400
    assert token(service, "21600")


def test_a_forwarded_request_gets_no_token(service: Service) -> None:
    asked = {TTL_HEADER: "60", "X_Forwarded_For": "192.0.2.1"}
    assert ask(service, "/latest/api/token", "PUT", **asked)[0] == 403


def test_a_token_is_asked_for_in_one_place(service: Service) -> None:
    assert ask(service, "/latest/meta-data/mac", "PUT", **{TTL_HEADER: "60"})[0] == 404


def test_a_service_that_is_turned_off_tells_nothing(service: Service, known: Known) -> None:
    known.facts = replace(FACTS, is_enabled=False)
    assert ask(service, "/latest/meta-data/mac")[0] == 403
    assert ask(service, "/latest/api/token", "PUT", **{TTL_HEADER: "60"})[0] == 403


def test_the_first_request_is_noticed(service: Service) -> None:
    assert not service.is_asked.is_set()
    ask(service, "/latest/api/token", "PUT", **{TTL_HEADER: "60"})
    assert service.is_asked.is_set()


def test_one_connection_carries_many_requests(service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    for path in ("mac", "ami-id"):
        connection.request("GET", f"/latest/meta-data/{path}")
        assert connection.getresponse().read()
    connection.close()


def test_the_relay_joins_a_program_s_input_and_output_to_the_service(service: Service) -> None:
    # QEMU starts it so for each connection of a guest.
    request = b"GET /latest/meta-data/mac HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    argv = [sys.executable, "-I", "-S", relay.__file__, str(service.port)]
    answer = subprocess.run(argv, input=request, capture_output=True, check=True, timeout=10).stdout
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n" + MAC.encode())
