"""What a layer does: the steps that follow from the keys it sets; a key that would do nothing there is refused.

One rule: whatever a file says takes effect, or is an answer before anything is baked.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from bakery.definition.aws import Aws
from bakery.definition.bases import BaseName
from bakery.definition.choices import DEFAULT_STEPS, DockerSource, NginxSource, Step
from bakery.definition.model import Definition, Disk, Docker, Dokku, Nginx, Plugin, Ssh
from bakery.definition.own_steps import AnyStep, OwnStep, in_order
from bakery.definition.rules import Table, wrong
from bakery.definition.scaleway import Scaleway

_STEP_OF = {
    "packages": Step.SYSTEM,
    "disk.swap_gb": Step.DISK,
    "disk.ballast_mb": Step.DISK,
    "docker": Step.DOCKER,
    "nginx": Step.NGINX,
    "ssh.root_login": Step.SSH,
    "ssh.keys": Step.FIRSTBOOT,
    "ssh.login": Step.FIRSTBOOT,
    "cleanup": Step.CLEANUP,
    "health": Step.HEALTH,
    "dokku": Step.DOKKU,
    "plugins": Step.PLUGINS,
}
"""The step that makes a key true, or every key of a table; what is not here needs none."""
_RECORDED = frozenset({"disk.swap_gb", "disk.ballast_mb", "ssh.keys", "ssh.login", "cleanup.keep"})
"""Keys that the machine's own programs read from what the step record writes anew in every layer."""
_FOR_PLUGINS = ("docker.archive", "docker.archive_key")
"""Beside the distribution's Docker they only say where the step dokku finds compose and buildx."""
_WITHOUT_NGINX_ORG = ("nginx.channel", "nginx.archive", "nginx.archive_key")
_INSTALLED_FROM = {
    "docker.source": Step.DOCKER,
    "docker.archive": Step.DOCKER,
    "docker.archive_key": Step.DOCKER,
    "nginx.source": Step.NGINX,
    "nginx.channel": Step.NGINX,
    "nginx.archive": Step.NGINX,
    "nginx.archive_key": Step.NGINX,
    "dokku.archive": Step.DOKKU,
    "dokku.archive_key": Step.DOKKU,
}
"""Where packages came from: a step that finds them installed does not ask again."""


def settle(layer: Definition, *, below: Sequence[Definition]) -> Definition:
    """Return a layer with the steps that follow from what it sets, on top of those *below*, the lowest first.

    Raises PydanticCustomError, whose context names the key, for what would do nothing or cannot be done any more.
    """
    whole = effective([*below, layer])
    done = frozenset(step for one in below for step in one.steps)
    _require_sense(whole)
    if below:
        _require_possible(layer, effective(below), done=done)
    wanted = _wanted(layer, whole=whole, done=done)
    _require_new(layer.own_steps, done=done)
    if _names_ours(layer):
        steps = layer.steps
        _require_listed(wanted, steps)
        _require_needs(steps, done=done)
    else:
        ours = _with_needs([*(() if below else DEFAULT_STEPS), *wanted.values()], done=done)
        steps = in_order([*ours, *layer.own_steps])
    _require_effect(layer, whole, steps=steps)
    return layer.model_copy(update={"steps": steps})


def effective(layers: Sequence[Definition]) -> Definition:
    """Return what the topmost layer comes to: its own keys, and those of the layers below where it sets none.

    Its steps and packages are those of all layers. A table is merged key by key, plugins by name; another list is
    replaced.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for name in layer.model_fields_set:
            value = getattr(layer, name)
            values[name] = _merged(values[name], value) if name in values else value
    packages = tuple(dict.fromkeys(package for layer in layers for package in layer.packages))
    update = {**values, "packages": packages, "steps": in_order(step for layer in layers for step in layer.steps)}
    return layers[-1].model_copy(update=update)


def _merged(below: Any, own: Any) -> Any:
    if isinstance(own, Table):
        merged = {key: getattr(below, key) for key in below.model_fields_set}
        for key in own.model_fields_set:
            value = getattr(own, key)
            merged[key] = _merged(merged[key], value) if key in merged else value
        return own.model_copy(update=merged)
    if isinstance(own, dict):
        # The one text that a table may lie above is a version for every base.
        return {**(below if isinstance(below, dict) else dict.fromkeys(map(str, BaseName), below)), **own}
    if own and isinstance(own, tuple) and isinstance(own[0], Plugin):
        return tuple({plugin.name: plugin for plugin in (*below, *own)}.values())
    return own


def _keys(layer: Definition) -> Iterator[str]:
    """Yield each key that a file sets, with its table; of an empty table its name."""
    for name in Definition.model_fields:
        value = getattr(layer, name)
        if name not in layer.model_fields_set or value == ():
            continue
        if isinstance(value, Table) and value.model_fields_set:
            yield from (f"{name}.{key}" for key in type(value).model_fields if _says(value, key))
        else:
            yield name


def _says(table: Table, key: str) -> bool:
    return key in table.model_fields_set and getattr(table, key) not in ((), {})


def _value(definition: Definition, key: str) -> Any:
    table, _, name = key.partition(".")
    return getattr(getattr(definition, table), name)


def _wanted(layer: Definition, *, whole: Definition, done: frozenset[AnyStep]) -> dict[str, Step]:
    """Return, for each key that is set, the step that has to run in this very layer to make it true."""
    found = {}
    for key in _keys(layer):
        step = _STEP_OF.get(key) or _STEP_OF.get(key.partition(".")[0])
        is_for_plugins = key in _FOR_PLUGINS and whole.docker.source is DockerSource.DISTRO
        if step is not None and not is_for_plugins and not (key in _RECORDED and step in done):
            found[key] = step
    return found


def _with_needs(steps: Sequence[Step], *, done: frozenset[AnyStep]) -> tuple[Step, ...]:
    wanted = set(steps)
    while missing := {need for step in wanted for need in step.needs} - wanted - done:
        wanted |= missing
    return tuple(step for step in Step if step in wanted)


def _names_ours(layer: Definition) -> bool:
    """Return whether a file lists steps of ours: those of one's own come on top of what follows from the tables."""
    return "steps" in layer.model_fields_set and (not layer.steps or len(layer.own_steps) < len(layer.steps))


def _require_new(steps: Sequence[OwnStep], *, done: frozenset[AnyStep]) -> None:
    for step in steps:
        if step in done:
            raise wrong(f"a layer below has a step {step.value!r} already", key="steps", hint="another name")


def _require_listed(wanted: dict[str, Step], steps: Sequence[AnyStep]) -> None:
    for key, step in wanted.items():
        if step not in steps:
            hint = "without `steps` they follow from what the file sets"
            raise wrong(f"does nothing, because the step {step.value!r} is not in steps", key=key, hint=hint)


def _require_needs(steps: Sequence[AnyStep], *, done: frozenset[AnyStep]) -> None:
    for step in steps:
        for need in sorted(step.needs - done - frozenset(steps)):
            raise wrong(f"{step.value!r} needs the step {need.value!r}", key="steps")


def _require_effect(layer: Definition, whole: Definition, *, steps: Sequence[AnyStep]) -> None:
    for key in _keys(layer):
        is_distro = key in _FOR_PLUGINS and whole.docker.source is DockerSource.DISTRO
        if is_distro and Step.DOKKU not in steps:
            hint = "it is for docker.com's packages, and beside the step dokku for its compose and buildx"
            raise wrong('does nothing with docker.source = "distro"', key=key, hint=hint)
        if key in _WITHOUT_NGINX_ORG and whole.nginx.source is NginxSource.DISTRO:
            raise wrong('does nothing with nginx.source = "distro"', key=key, hint='nginx.source = "nginx.org"')


def _require_sense(whole: Definition) -> None:
    """Refuse values that cannot be together, wherever each of them was set."""
    for name in type(whole).model_fields:
        table = getattr(whole, name)
        try:
            if isinstance(table, Disk | Docker | Nginx | Ssh | Dokku):
                table.require_sense()
            elif isinstance(table, Aws | Scaleway):
                type(table).model_validate(table.model_dump())
        except PydanticCustomError as error:
            raise _below(name, error.context) from error
        except ValidationError as error:
            raise _below(name, error.errors()[0].get("ctx")) from error


def _below(table: str, context: dict[str, Any] | None) -> PydanticCustomError:
    told = context or {}
    return wrong(told["text"], key=f"{table}.{told['key']}", hint=told["hint"])


def _require_possible(layer: Definition, there: Definition, *, done: frozenset[AnyStep]) -> None:
    """Refuse what the layers below, which come to *there*, have settled for good."""
    for key in _keys(layer):
        step = Step.DOKKU if _is_beside_distro(key, there) else _INSTALLED_FROM.get(key)
        if step in done and _value(layer, key) != _value(there, key):
            problem = f"a layer below has installed {key.partition('.')[0]} with {_value(there, key).__str__()!r}"
            raise wrong(problem, key=key, hint="what is installed is not exchanged: set it there")
    if "herokuish" in layer.dokku.model_fields_set and there.dokku.herokuish and not layer.dokku.herokuish:
        raise wrong("a layer below has installed herokuish, which stays", key="dokku.herokuish")
    if "size_gb" in layer.disk.model_fields_set and layer.disk.size_gb < there.disk.size_gb:
        problem = f"{layer.disk.size_gb} GB is less than the {there.disk.size_gb} GB of the layer below"
        raise wrong(problem, key="disk.size_gb", hint="a disk only grows")
    known = {plugin.name: plugin for plugin in there.plugins}
    for index, plugin in enumerate(layer.plugins):
        old = known.get(plugin.name, plugin)
        if plugin.url != old.url:
            raise wrong(f"a layer below has {plugin.name!r} from {old.url}", key=f"plugins.{index}.url")
        if plugin.pull != old.pull and plugin.commit == old.commit:
            problem = f"a layer below has installed {plugin.name!r} at that commit already"
            raise wrong(problem, key=f"plugins.{index}.pull")


def _is_beside_distro(key: str, there: Definition) -> bool:
    return key in _FOR_PLUGINS and there.docker.source is DockerSource.DISTRO
