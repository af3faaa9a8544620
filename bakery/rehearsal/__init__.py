"""An AWS on this machine, to rehearse with: moto, made as strict as AWS, with machines that really boot.

Nothing here is AWS, and nothing that comes out of it may be taken for it: whoever talks to a rehearsal says so.
"""

__all__ = ["base_disk", "buckets", "service"]
