"""What an image is to be: definitions as people write them, in layers, their mistakes told before anything runs."""

__all__ = [
    "arch",
    "aws",
    "aws_regions",
    "bases",
    "choices",
    "layers",
    "model",
    "own_steps",
    "place_names",
    "problems",
    "rules",
    "scaleway",
    "scaleway_zones",
    "sshkeys",
]
