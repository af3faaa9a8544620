"""Judges systemd's calendar times by their grammar, the same on machines with and without systemd.

systemd.time(7), "Calendar events": `Mon..Fri *-*-* 04:15:00 Europe/London`; each part may be left out.
"""

import re
import zoneinfo

SHORTHANDS = frozenset(
    {"minutely", "hourly", "daily", "monthly", "weekly", "yearly", "annually", "quarterly", "semiannually"}
    | {"anually", "bi-annually", "biannually", "semi-annually"}
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CRON = re.compile(r"(\S+\s+){4}\S+")
CLOCK = re.compile(r"(?i)\d{1,2}([:.]\d{2})?\s*[ap]m")

_NUMBER = r"\d+(\.\d{1,6})?"
_ITEM = rf"({_NUMBER}(\.\.{_NUMBER})?|\*)(/{_NUMBER})?"
_LIST = re.compile(rf"{_ITEM}(,{_ITEM})*")
_DATE = re.compile(r"(?:(?P<year>[^-~\s]+)-)?(?P<month>[^-~\s]+)(?P<sign>[-~])(?P<day>[^-~\s]+)")
_TIME = re.compile(r"(?P<hour>[^:\s]+):(?P<minute>[^:\s]+)(?::(?P<second>[^:\s]+))?")
BOUNDS = {"year": (1970, 2199), "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}


def problem(text: str) -> str:
    """Return why a text is no calendar time, in words; nothing when it is one."""
    words = text.split()
    if not words:
        return "it is empty"
    if words[0].lower() in SHORTHANDS:
        return _of_rest(words[1:], text)
    if _is_weekdays(words[0]):
        words = words[1:]
    found = ""
    for pattern in (_DATE, _TIME):
        if words and (match := pattern.fullmatch(words[0])):
            found = found or _of_parts(match.groupdict())
            words = words[1:]
    return found or (_of_rest(words, text) if len(words) < len(text.split()) else _of_nothing(text))


def _is_weekdays(word: str) -> bool:
    """Return whether a word is a list of days or spans of days, `Mon,Wed..Fri`."""
    days = [day for item in word.lower().rstrip(",").split(",") for day in re.split(r"\.\.|-", item)]
    return all(day in DAYS or day in LONG_DAYS for day in days)


def _of_parts(parts: dict[str, str | None]) -> str:
    for name, (least, greatest) in BOUNDS.items():
        part = parts.get(name)
        if part is None:
            continue
        if not _LIST.fullmatch(part):
            return f"{part!r} is no {name}"
        for number in re.findall(_NUMBER.replace("(", "(?:"), re.sub(r"/[\d.]+", "", part)):
            if not (name == "year" and float(number) < 100) and not least <= float(number) < greatest + 1:
                return f"there is no {name} {number}"
    return ""


def _of_rest(words: list[str], text: str) -> str:
    """Return why what follows day and time is no time zone."""
    if not words or (len(words) == 1 and _is_zone(words[0])):
        return ""
    return _of_nothing(text) if CRON.fullmatch(text.strip()) else f"{' '.join(words)!r} is no time zone"


def _is_zone(word: str) -> bool:
    return word == "UTC" or word in zoneinfo.available_timezones()


def _of_nothing(text: str) -> str:
    if CRON.fullmatch(text.strip()):
        return "it looks like cron's"
    if CLOCK.fullmatch(text.strip()):
        return "hours go from 00 to 23, and minutes follow"
    return "neither days nor a time are in it"
