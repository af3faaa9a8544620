"""The door to the commands: `./inv`, and invoke itself, find them here; they are in `bakery/commands`."""

from bakery.commands.contents import diff, report, sbom
from bakery.commands.fleet import amis, catalog, launch, prune, validate
from bakery.commands.images import bake, render, verify
from bakery.commands.machine import box, destroy, halt, ssh, status, up
from bakery.commands.nights import matrix, nightly
from bakery.commands.nodes import certs
from bakery.commands.releases import plan, promote, publish, regions, rehearsal, rollback
from bakery.commands.upkeep import clean, doctor, test
