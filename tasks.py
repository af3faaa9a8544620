"""The door to the commands: `./inv`, and invoke itself, find them here; they are in `bakery/commands`."""

from bakery.commands.fleet import amis, catalog, launch, prune, validate
from bakery.commands.local import bake, certs, clean, destroy, doctor, halt, render, ssh, status, test, up, verify
from bakery.commands.releases import plan, promote, publish, regions, rehearsal, rollback
