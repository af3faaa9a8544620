"""The clouds an image is baked in and published to, one file each."""
