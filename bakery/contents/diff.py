"""The story of `invoke diff`: find two releases, compare what they hold, show what differs."""

from collections.abc import Iterable
from dataclasses import dataclass

from bakery.contents import differences, forms, sides
from bakery.contents.differences import Differences, Section
from bakery.contents.foreseen import Foreseen
from bakery.contents.forms import Form
from bakery.core.console import table


@dataclass(frozen=True, kw_only=True)
class Order:
    """What was asked for; empty texts leave the choice to the definition."""

    image: str
    old: str
    new: str
    arch: str = ""
    base: str = ""
    form: str = Form.TABLE.value
    is_rehearsal: bool = False


def show(order: Order) -> None:
    """Print on stdout what differs between two releases of an image.

    Raises BakeryError (exit code 2) for what there is not, and for a release of which nobody knows what it holds.
    """
    form = forms.form(order.form)
    found = compare(order)
    match form:
        case Form.TABLE:
            show_tables(forms.heading(found), found.sections)
        case Form.JSON:
            print(forms.as_json(found))  # noqa: T201  # the result
        case Form.MARKDOWN:
            print(forms.markdown(found), end="")  # noqa: T201  # the result


def show_plan(found: Foreseen, *, form: Form) -> None:
    """Print on stdout what a bake now would change of a release."""
    match form:
        case Form.TABLE:
            show_tables(forms.heading_of_plan(found), found.sections)
        case Form.JSON:
            print(forms.plan_as_json(found))  # noqa: T201  # the result
        case Form.MARKDOWN:
            print(forms.plan_markdown(found), end="")  # noqa: T201  # the result


def compare(order: Order) -> Differences:
    """Return what differs, the older release first or not, as it was asked for; raises like `show`."""
    shelf = sides.shelf(order.image, arch=order.arch, base=order.base, is_rehearsal=order.is_rehearsal)
    return differences.of(shelf.manifest(order.old), shelf.manifest(order.new))


def show_tables(heading: str, sections: Iterable[Section]) -> None:
    """Print what differs for people, on stdout."""
    print(heading)  # noqa: T201  # the result
    for section in sections:
        table(section.title, forms.COLUMNS, forms.rows(section), to_stdout=True)
