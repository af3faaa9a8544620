"""AWS as one account sees it: calls that are repeated until a deadline, and errors that say what to do about them.

Repeating is ours alone, so that a deadline is a deadline: boto3 tries once. Whoever else calls AWS goes through here.
"""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from bakery.clouds.aws import credentials
from bakery.clouds.aws.errors import FAILED, ApiError, complaint, is_passing, kind_of, useless_settings
from bakery.core import proxies
from bakery.core.errors import did_you_mean, impossible
from bakery.core.parallel import Stopped
from bakery.definition.aws_regions import HOMES, Partition, partition
from bakery.guests import accelerator
from bakery.guests.accelerator import Accelerator

__all__ = ["Account", "ApiError", "Region", "connect", "rehearse"]

CALL_DEADLINE_S = 120.0
FIRST_CONTACT_S = 15.0
"""How long AWS is called that has never answered: rather a machine without a network than a fault of AWS."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
CONNECT_S, READ_S = 5, 30
OPEN = ("opt-in-not-required", "opted-in")
"""What DescribeRegions says of regions that an account may use."""


NO_PORTS: Mapping[int, int] = MappingProxyType({})


@dataclass(kw_only=True, eq=False)
class Account:
    """An AWS account, or a rehearsal of one; safe to use from many threads."""

    session: boto3.Session
    endpoint: str | None = None
    is_rehearsal: bool = False
    ports: Mapping[int, int] = field(default_factory=dict)
    """TCP ports of a machine, and where they are reached from here when that is somewhere else: in a rehearsal."""
    accelerator: Callable[[], Accelerator] = accelerator.in_a_cloud
    """How its machines run, which a rehearsal finds out when it is asked for."""
    default_region: str = HOMES[Partition.AWS]
    """Asked about all regions when none is set."""
    patience_s: float = CALL_DEADLINE_S
    """For how long a call is repeated; none is begun after that."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the command is interrupted: every wait ends at once."""
    has_answered: bool = False
    """Whether any call has come back, be it with a refusal."""
    _regions: dict[str, "Region"] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def region(self, name: str) -> "Region":
        """Return a region, whether this account may use it or not."""
        with self._lock:
            if name not in self._regions:
                self._regions[name] = Region(name=name, account=self)
            return self._regions[name]

    @property
    def home(self) -> "Region":
        """The region asked about everything that is the same everywhere: AWS_REGION or the profile's."""
        return self.region(self.session.region_name or self.default_region)

    @property
    def partition(self) -> Partition:
        """The partition that its credentials are of."""
        return partition(self.home.name)

    @cached_property
    def number(self) -> str:
        """The account's twelve digits."""
        return str(self.home.call("sts", "get_caller_identity")["Account"])

    @cached_property
    def opt_in(self) -> dict[str, str]:
        """Every region of this partition with its opt-in status, as DescribeRegions says it."""
        answer = self.home.ec2("describe_regions", AllRegions=True)
        return {one["RegionName"]: one["OptInStatus"] for one in answer["Regions"]}

    @property
    def usable(self) -> list[str]:
        """The regions that this account may use, sorted."""
        return sorted(name for name, status in self.opt_in.items() if status in OPEN)

    def require(self, names: Sequence[str]) -> list["Region"]:
        """Return the regions of these names, each once.

        Raises BakeryError (exit code 2) for one that does not exist or that this account has not opted in to.
        """
        for name in names:
            if partition(name) is not self.partition:
                said = f"{name} is in the partition {partition(name)}, and {self.home.name} in {self.partition}"
                raise impossible(said, hint=f"AWS_REGION={name}, and credentials of an account there")
            if name not in self.opt_in:
                raise impossible(f"there is no region {name!r}", hint=did_you_mean(name, self.usable))
            if name not in self.usable:
                hint = f"aws account enable-region --region-name {name}  (takes some minutes), or another --region"
                raise impossible(f"this account has not opted in to {name}", hint=hint)
        return [self.region(name) for name in dict.fromkeys(names)]

    @property
    def deadline_s(self) -> float:
        """For how long a call that begins now is repeated."""
        return self.patience_s if self.has_answered else min(self.patience_s, FIRST_CONTACT_S)

    def aside(self) -> "Account":
        """Return this account for calls that Ctrl-C must not stop: those that end what was started."""
        # The lock stays the same, because it is the session's; a region knows its account, so those are new.
        return replace(self, stop=threading.Event(), _regions={})

    def environment(self) -> dict[str, str]:
        """Return what makes Packer use this account: its keys as they are now, wherever they come from.

        Packer 1.6's SDK is older than single sign-on, whose profiles it cannot read. Raises BakeryError (exit code 3)
        when they cannot be had any more.
        """
        try:
            keys = credentials.keys(self.session)
        except FAILED as error:
            raise complaint(error, action=credentials.ACTION, region=self.home.name) from error
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.token or "",
            "AWS_PROFILE": "",
        }

    def pause(self, seconds: float) -> None:
        """Wait, unless the command is interrupted meanwhile: then raise Stopped."""
        if self.stop.wait(seconds):
            raise Stopped

    def _address(self, service: str, region: str) -> str:
        return self.endpoint or os.environ.get("AWS_ENDPOINT_URL") or f"https://{service}.{region}.amazonaws.com"

    def client(self, service: str, region: str) -> Any:
        """Return boto3's client; making one takes milliseconds, but is not safe in two threads at once."""
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            max_pool_connections=64,
            # A rehearsal is on this machine, and no proxy leads there; ALL_PROXY is nothing that botocore knows.
            proxies={} if self.is_rehearsal else proxies.without_own(os.environ, self._address(service, region)),
        )
        try:
            with self._lock:
                return self.session.client(service, region_name=region, endpoint_url=self.endpoint, config=config)
        except (BotoCoreError, ValueError) as error:
            raise useless_settings(error) from error


@dataclass(frozen=True, kw_only=True)
class Region:
    """One region of an account."""

    name: str
    account: Account = field(repr=False)
    repeated: Counter[str] = field(default_factory=Counter, repr=False, compare=False)
    """How often calls were repeated, by what they were answered with: rising numbers say that we ask too fast."""
    made: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False, compare=False)
    """By its name, the id of the image that was made last, and when: a listing without it is older (`lateness`)."""
    written: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    """By its name, the version of the parameter that we have written (`overtaking`)."""
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def stop(self) -> None:
        """End every wait on this account's calls, now and later: the command was interrupted."""
        self.account.stop.set()

    def ec2(self, operation: str, **arguments: Any) -> Any:
        """Call EC2; *operation* and *arguments* are boto3's. Raises like `call`."""
        return self.call("ec2", operation, **arguments)

    def ssm(self, operation: str, **arguments: Any) -> Any:
        """Call the parameter store. Raises like `call`."""
        return self.call("ssm", operation, **arguments)

    def endpoint(self, service: str) -> str:
        """Return the address that calls to a service go to."""
        return str(self.account.client(service, self.name).meta.endpoint_url)

    def call(self, service: str, operation: str, **arguments: Any) -> Any:
        """Call AWS and return its answer with its body read, repeating what was throttled, lost or broken on its side.

        Raises ApiError when AWS refuses for good, or still does not answer when the account's patience ends (exit code
        3); another BakeryError where the environment names no account; Stopped when the command is interrupted.
        """
        if service not in self._clients:
            self._clients[service] = self.account.client(service, self.name)
        method = getattr(self._clients[service], operation)
        name = f"{service}:{method.__self__.meta.method_to_api_mapping[operation]}"
        began, pause_s = time.monotonic(), FIRST_PAUSE_S
        while True:
            if self.account.stop.is_set():
                raise Stopped
            # Asked for by themselves, so that what their providers end with is not taken for the call's answer.
            action = credentials.ACTION
            try:
                credentials.keys(self.account.session)
                action = name
                answer = _whole(method(**arguments))
            except FAILED as error:
                trouble = error
                self.account.has_answered |= isinstance(error, ClientError)
                is_late = time.monotonic() + pause_s > began + self.account.deadline_s
                if is_late or not is_passing(error):
                    raise complaint(error, action=action, region=self.name) from error
            else:
                self.account.has_answered = True
                return answer
            self.repeated[kind_of(trouble)] += 1
            # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
            self.account.pause(random.uniform(0, pause_s))  # noqa: S311  # spreads calls, protects nothing
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def all(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Give every item of the list *key*, page by page."""
        token: dict[str, str] = {}
        while True:
            page = self.call(service, operation, **arguments, **token)
            yield from page.get(key, ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _whole(answer: Any) -> Any:
    """Return an answer whose body, where it has one, was read to its end: that, too, can be lost on the way."""
    return {key: value.read() if isinstance(value, StreamingBody) else value for key, value in answer.items()}


def rehearse(
    *,
    endpoint: str,
    keys: tuple[str, str],
    ports: Mapping[int, int] = NO_PORTS,
    machines: Callable[[], Accelerator] = accelerator.in_a_cloud,
) -> Account:
    """Return the account of a rehearsal at that address.

    *ports* are where its machines' ports are reached, *machines* says how they run.
    """
    return Account(
        session=_rehearsal_session(keys), endpoint=endpoint, is_rehearsal=True, ports=ports, accelerator=machines
    )


def connect(*, near: str = "") -> Account:
    """Return the account that the environment names (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …).

    Where it names no region, the partition of the region *near* says which one is asked about all others.

    Raises BakeryError: exit code 2 for a profile that does not
    exist and for settings that cannot be read, 3 when there are no credentials, or a proxy that nothing can speak to.
    """
    proxies.require_usable(os.environ)
    core = botocore.session.Session()
    credentials.load(core)
    try:
        # boto3 itself reads AWS_DEFAULT_REGION alone; all other SDKs, the CLI and GitHub's actions mean AWS_REGION.
        session = boto3.Session(botocore_session=core, region_name=os.environ.get("AWS_REGION") or None)
    except BotoCoreError as error:
        raise useless_settings(error) from error
    return Account(session=session, default_region=HOMES[partition(near)])


def _rehearsal_session(keys: tuple[str, str]) -> boto3.Session:
    """Return a session that reads nothing of what this machine's user has set up for AWS."""
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    bare = botocore.session.Session(session_vars={**files, "profile": (None, None, None, None)})
    return boto3.Session(
        botocore_session=bare,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        region_name=HOMES[Partition.AWS],
    )
