"""Judges an AMI by a machine started from it, never by the one it was baked in; the machine is ended afterwards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakery import accelerator, ami, guest, seed, settings, verify
from bakery.accelerator import Accelerator
from bakery.clouds import machines
from bakery.clouds.aws import Region
from bakery.console import Console
from bakery.guest import Guest, Site
from bakery.region_plan import RegionPlan
from bakery.verify import Verdict

GROUP = "dokku-bakery-verify"
HARDWARE = Accelerator(name="kvm", reason="a machine of AWS")


def verify_image(
    region: Region, planned: RegionPlan, image: Mapping[str, Any], *, console: Console, log: Path
) -> Verdict:
    """Start a machine from an AMI, run the image tests on it, and end it.

    Raises BakeryError: exit code 4 when a test fails, 1 when the machine does not come up.
    """
    arch, account = planned.definition.arch, region.account
    user = machines.login_user(account, planned.base)
    speed = accelerator.probe() if account.is_rehearsal else HARDWARE
    with guest.site() as site:
        public_key = site.key.with_suffix(".pub").read_text().strip()
        launch = machines.Launch(
            image_id=image["ImageId"],
            instance_type=machines.instance_type(region, arch=arch, wanted=planned.definition.aws.instance_type),
            groups=[machines.group(region, name=GROUP, ports=(machines.SSH,))],
            token=site.folder.name,
            user_data=seed.user_data(public_keys=[public_key]),
            tags={"Name": f"verify {planned.name}", ami.RUN: planned.release},
            is_ending=True,
        )
        with machines.running(region, launch) as (instance,):
            console.update(f"{instance['InstanceId']} is starting at {instance['PublicIpAddress']}")
            one = _reach(site, instance, user=user, port=machines.port(account, machines.SSH))
            seconds = guest.wait_for_ssh([one], accelerator=speed)
            console.update(f"it answers after {seconds:.0f} s")
            text = machines.console_text(region, instance["InstanceId"])
            one.console.write_text(text)
            told = {
                "BAKERY_SETTINGS": str(_settings(planned, build_user=user, folder=site.folder)),
                "BAKERY_THROWAWAY": "1",
                "BAKERY_CONSOLES": str(one.console) if text else "",
            }
            argv = verify.suite_argv([f"ssh://{one.name}"], report=site.folder / "report.xml")
            argv.append(f"--ssh-config={site.ssh_config}")
            return verify.judge(argv, env=told, console=console, log=log)


def _reach(site: Site, instance: Mapping[str, Any], *, user: str, port: int) -> Guest:
    name = "first"
    with site.ssh_config.open("a") as config:
        config.write(guest.ssh_entry(name, address=instance["PublicIpAddress"], port=port, user=user, site=site))
    console, log = site.folder / f"{name}.console", site.folder / f"{name}.log"
    console.touch()
    return Guest(name=name, ssh_config=site.ssh_config, console=console, log=log)


def _settings(planned: RegionPlan, *, build_user: str, folder: Path) -> Path:
    told = settings.settings(
        planned.layers,
        planned.base,
        fingerprint=planned.fingerprint,
        release=planned.release,
        build_user=build_user,
        keys=planned.keys,
    )
    path = folder / settings.FILE_NAME
    path.write_text(settings.render_env(told))
    return path
