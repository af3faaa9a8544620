"""Dokku Bakery: golden dokku machine images, defined once, baked by Packer, proven by booting them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: images/, provision/ and packer/ are read from here, build/ is written here."""
