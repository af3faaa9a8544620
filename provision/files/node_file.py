"""Reads the file in which the owner asks for things: node.yaml."""

import difflib

import yaml  # cloud-init brings it
from files import at
from node_task import InputError, Node, Task

TYPES = {"domain": str, "ssh_keys": dict, "settings": dict, "certificates": dict, "renew_certificates": str}


def read(node: Node, task: Task) -> str:
    """Put what is well-formed in node.yaml into node; every value that is no table is text, as it was written."""
    if not (path := at("/etc/bakery/node.yaml")).exists():
        return "there is none"
    path.chmod(0o600)  # it holds secrets, and write_files makes it 0644 unless told
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) or {}  # noqa: S506  text, lists, tables
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)  # its words would quote the file
        where = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{where}node.yaml is no YAML, nothing of it is done") from None
    if not isinstance(found, dict):
        raise InputError(f"node.yaml must be a table with some of: {', '.join(TYPES)}")
    for key, value in found.items():
        with task.part(f"{key}:"):
            if key not in TYPES:
                near = difflib.get_close_matches(str(key), TYPES, n=1)
                raise InputError(f"unknown key; {f'did you mean {near[0]!r}?' if near else f'known: {list(TYPES)}'}")
            if value not in ("", "~", "null"):
                if not isinstance(value, TYPES[key]):
                    raise InputError(f"must be {'text' if TYPES[key] is str else 'a table of names'}")
                node[key] = value
    return "read"
