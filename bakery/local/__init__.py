"""The stories of this machine: plan, bake, verify, render, and whether it has all that they need."""
