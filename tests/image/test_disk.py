"""The disk: all of it is used, there is swap, and a full disk is noticed and freed before anybody has to come."""

import re
from typing import Any

import pytest

from tests.image.copy import Copy

MB = 1024 * 1024
BALLAST = "/var/lib/bakery/ballast"
JOURNAL_MB = 8
"""What journald takes at a time of what comes free (FILE_SIZE_INCREASE in its source)."""
STOPPED = "docker create --name=stopped bakery-guard:1 /none >/dev/null"


def mount(copy: Copy, target: str) -> dict[str, Any]:
    found = [each for each in copy.facts["mounts"].json["filesystems"] if each["target"] == target]
    assert found, f"nothing is mounted on {target}"
    return dict(found[-1])


@pytest.mark.disk
@pytest.mark.throwaway
def test_the_root_grew_to_its_disk(each: Copy) -> None:
    sizes = each.facts["disk"].json["blockdevices"]
    disk_mb = next(int(device["size"]) for device in sizes if device["type"] == "disk") // MB
    root_mb = int(mount(each, "/")["size"]) // MB
    # ext4 keeps 1 to 2 % for itself, cloud images have up to 1.1 GB of boot partitions.
    assert root_mb > disk_mb * 0.97 - 1200, f"root {root_mb} MB of a disk of {disk_mb} MB"


@pytest.mark.kernel
def test_the_partition_for_the_firmware_is_mounted_however_slow_the_machine_is(each: Copy) -> None:
    assert mount(each, "/boot/efi")["fstype"] == "vfat"


@pytest.mark.kernel
def test_there_is_swap(each: Copy, settings: dict[str, str]) -> None:
    swaps = [line.split() for line in each.facts["swap"].lines]
    used_kb = [int(size) for name, _, size, *_ in swaps if name == "/var/lib/bakery/swap"]
    want_kb = int(settings["BAKERY_SWAP_GB"]) * MB
    assert used_kb == ([want_kb - 4] if want_kb else [])  # mkswap keeps the first page for itself


def test_tmp_is_in_memory_and_has_its_bounds(each: Copy) -> None:
    tmp = mount(each, "/tmp")
    assert tmp["fstype"] == "tmpfs"
    assert {"nosuid", "nodev"} <= set(tmp["options"].split(","))
    memory = mount(each, "/dev/shm")["size"]  # half of the memory, by the kernel's default
    assert tmp["size"] <= memory + 4096  # each is rounded to pages in its own way
    assert 0 < int(each.facts["tmp_inodes"].text) <= 1024 * 1024


def test_the_journal_is_on_disk_and_capped(each: Copy) -> None:
    said = [line for line in each.facts["journald"].lines if line.startswith("System Journal")]
    assert said
    assert re.search(r"max 200(\.0)?M,", said[-1])  # newer journald leaves the .0 out


def test_ballast_takes_real_space(each: Copy, settings: dict[str, str]) -> None:
    if int(settings["BAKERY_BALLAST_MB"]) == 0:
        assert each.facts["ballast"].code != 0
        return
    size, blocks, block_size = map(int, each.facts["ballast"].text.split())
    assert size == int(settings["BAKERY_BALLAST_MB"]) * MB
    assert blocks * block_size >= size


def is_ballast_as_it_should_be(settings: dict[str, str]) -> str:
    """Return what the shell asks: whether there is ballast, or none in an image that was made without."""
    return f"test {'' if int(settings['BAKERY_BALLAST_MB']) else '! '}-e {BALLAST}"


def test_the_guard_looks_every_two_minutes(each: Copy) -> None:
    assert each.units["bakery-disk-guard.timer"] == ("active", "enabled")


@pytest.mark.throwaway
def test_the_guard_cleans_up_whatever_its_age_but_keeps_the_ballast_for_later(
    first: Copy, settings: dict[str, str]
) -> None:
    guard = "BAKERY_GUARD_CLEAN_PERCENT=1 BAKERY_GUARD_BALLAST_PERCENT=100 BAKERY_GUARD_CALM_PERCENT=0"
    first.run(
        f"tar -C /etc -c hostname | docker import - bakery-guard:1 >/dev/null && {STOPPED}\n"
        f"set -a && . /etc/bakery/image.env && {guard} bakery-disk-guard\n"
        f"{is_ballast_as_it_should_be(settings)} || exit\n"
        f'test -z "$(docker ps -aq --filter name=stopped)" && docker rmi bakery-guard:1'
    )


@pytest.mark.throwaway
def test_a_full_disk_is_freed_without_writing_to_it(first: Copy, settings: dict[str, str]) -> None:
    before, full, during, after = (
        int(line)
        for line in first.run(
            f"ballast_is_back() {{ {is_ballast_as_it_should_be(settings)}; }}"
            """
free() { echo $(($(stat --file-system --format '%f * %S' /) / 1024 / 1024)); }
filler=/var/tmp/filler
trap 'rm -f $filler* /var/tmp/canary' EXIT
free
# To the last block, root's reserve included: root's own programs must fail to write now.
fallocate --length "$(free)MiB" $filler.0
i=0; for size in 256 64 16 4 1; do
  while fallocate --length "${size}MiB" $filler.$((i += 1)) 2>/dev/null; do :; done
done
dd if=/dev/zero of=$filler.last bs=4k 2>/dev/null
! { echo full >/var/tmp/canary; } 2>/dev/null || { echo 'the disk is not full'; exit 1; }
free
systemctl start bakery-disk-guard.service || exit
test ! -e /var/lib/bakery/ballast || exit
free
rm -f $filler*
systemctl start bakery-disk-guard.service || exit
ballast_is_back || exit
free
"""
        ).split()
    )
    assert full < 32  # ext4 keeps up to 16 MB of free blocks from everybody
    # Without ballast nothing comes free but what the clean-up finds, and the journal takes some of that.
    assert during - full > int(settings["BAKERY_BALLAST_MB"]) * 0.9 - JOURNAL_MB
    assert after > before * 0.9
