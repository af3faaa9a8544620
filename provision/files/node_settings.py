"""Global properties of dokku's plugins, and variables of all apps."""

from dokku import PLUGINS, dokku
from files import at, text_of
from node_task import InputError, Node, Task, need

# The commands of some core plugins have shorter names than the plugins.
CORE_NAMES = ("{}", "{}-vhosts", "builder-{}", "scheduler-{}")


def is_set(plugin: str, key: str, value: str) -> bool:
    """Return whether dokku has it so already: its properties are files."""
    path = at(f"/var/lib/dokku/config/{plugin}/--global/{key}")
    return path.is_file() and text_of(path).rstrip("\n") == value


def set_environment(table: dict[str, str]) -> None:
    """Set the variables of all apps, in one command, because each takes as long as all."""
    now = text_of(at("/var/lib/dokku/config/--global/ENV")).splitlines()
    new = {key: value for key, value in table.items() if value and not {f"{key}={value}", f'{key}="{value}"'} & {*now}}
    gone = [key for key, value in table.items() if not value and any(line.startswith(f"{key}=") for line in now)]
    if new:
        pairs = [f"{key}={value}" for key, value in new.items()]
        dokku("config:set", "--no-restart", "--global", *pairs, secrets=tuple(new.values()))
    if gone:
        dokku("config:unset", "--no-restart", "--global", *gone)


def set_global(node: Node, task: Task) -> str:
    """Set the plugins' global properties, whose values are secrets."""
    count = 0
    for plugin, table in node.get("settings", {}).items():
        with task.part(f"settings.{plugin}:"):
            need(plugin, "[a-z0-9][a-z0-9-]{0,63}", "the name of a plugin")
            if not any((PLUGINS / full.format(plugin)).exists() for full in CORE_NAMES):
                raise InputError("dokku has no such plugin here")
            if not isinstance(table, dict):
                raise InputError("must be a table of keys and values")
            good = dict[str, str]()
            for key, value in table.items():
                with task.part(f"settings.{plugin}.{key}:"):
                    # A property is a file; a value is an argument, of which Linux takes 128 KiB.
                    name = r"(?a)[A-Za-z_]\w{0,254}" if plugin == "config" else r"(?a)[A-Za-z0-9][\w.-]{0,254}"
                    need(key, name, f"the name of a {'variable' if plugin == 'config' else 'property'}")
                    good[key] = need(value, r"[^\n\0]{0,100000}", "text of one line, 100,000 characters at most")
                    if plugin != "config" and not is_set(plugin, key, value):
                        dokku(f"{plugin}:set", "--global", key, value, secrets=(value,))
                    count += 1
            if plugin == "config":
                set_environment(good)
    return f"{count} settings"
