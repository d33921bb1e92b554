"""Check mappings to fields that the pipeline fills itself: ``_id``, ``timestamp`` and identities.

A mapping set of Adobe's own Mixpanel source, exported from AEP's UI, may contain them. A mapping that has the same
result as the pipeline is accepted and ignored; any other one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from include.json_types import JsonMapping
from include.xdm.dataprep.language.check import event_paths
from include.xdm.dataprep.language.errors import LanguageError
from include.xdm.dataprep.language.parser import parse
from include.xdm.dataprep.language.paths import parse_path
from include.xdm.dataprep.language.tree import Attribute, Call, Literal, Node, Number

_HASHES = ("sha1", "sha256", "sha512", "md5")
_KEY = frozenset({"event", "distinct_id", "time", "insert_id"})
_RANDOM = ("uuid", "guid")
_DATE_WORDS = ("yyyy", "MM", "dd", "HH", "mm", "ss")


@dataclass(frozen=True)
class GeneratedFieldRules:
    """The settings of a pipeline that determine the values of the fields that it fills itself.

    Attributes:
        identities: the code of the identity namespace by property name.
        wall_clock: whether Mixpanel's ``time`` is a wall-clock time in the time zone of the project.
        time_in_ms: whether ``time`` is exported in milliseconds.
    """

    identities: Mapping[str, str]
    wall_clock: bool = False
    time_in_ms: bool = False


def require_same_meaning(row: JsonMapping, name: str, rules: GeneratedFieldRules) -> None:
    """Check that a mapping to ``_id`` or ``timestamp`` (``name``) has the same meaning as the pipeline's own value.

    Raises:
        LanguageError: the mapping differs, or its source is invalid; the text states the difference.
    """
    kind, source = str(row.get("sourceType", "ATTRIBUTE")).upper(), row.get("source")
    if not isinstance(source, str):
        raise LanguageError("it needs a source and a destination")
    if kind == "STATIC":
        raise LanguageError(
            f"it gives every event the same {name}; remove this mapping: the pipeline builds {name}"
        )
    node: Node = Attribute(_names(source)) if kind == "ATTRIBUTE" else parse(source)
    difference = (
        _id_difference(node) if name == "_id" else _time_difference(node, rules, plain=kind == "ATTRIBUTE")
    )
    if difference is not None:
        raise LanguageError(
            f"{name} is built by the pipeline, and this mapping differs: {difference}; remove it"
        )


def require_same_identity(row: JsonMapping, rules: GeneratedFieldRules | None) -> None:
    """Check that the pipeline file has the same identity as a mapping that marks its field as an identity.

    Raises:
        LanguageError: the pipeline file does not have this identity; the text states the difference.
    """
    code = row["identity"]
    names = (
        [name for path in event_paths(_names(str(row.get("source")))) if (name := _name(path))]
        if rules
        else []
    )
    known = [each for each in names if rules and each in rules.identities]
    if rules is None or not known:
        example = f"identities: {{{names[-1] if names else 'property'}: {code or 'NAMESPACE'}}}"
        raise LanguageError(
            f"it marks an identity{f' ({code})' if code else ''}; write {example} in the pipeline file"
        )
    if code and rules.identities[known[0]] != code:
        raise LanguageError(
            f"it marks {known[0]} as identity {code}, but the pipeline file marks it as {rules.identities[known[0]]}"
        )


def _names(source: str) -> tuple[str | int, ...]:
    return tuple(step if isinstance(step, str | int) else "*" for step in parse_path(source))


def _id_difference(node: Node) -> str | None:
    calls = {each.name for each in _walk(node) if isinstance(each, Call)}
    if calls & set(_RANDOM):
        return "it is random, so a reload would give the same event another _id"
    read = _read(node)
    if calls & set(_HASHES) and read == _KEY:
        return None
    if read - _KEY or not read:
        return f"it is computed from {_join_names(read)}; the pipeline computes it from {_join_names(_KEY)} and the project"
    missing = _KEY - read
    more = (
        f"it leaves out {_join_names(missing)}, so two events can have the same _id"
        if missing
        else "it calls no hash function"
    )
    return f"{more}; the pipeline computes it from {_join_names(_KEY)} and the project"


def _time_difference(node: Node, rules: GeneratedFieldRules, *, plain: bool) -> str | None:
    if plain and _read(node) == {"time"}:
        return None
    if _read(node) != {"time"}:
        return f"it is computed from {_join_names(_read(node))}; the pipeline uses the event's time"
    if rules.wall_clock:
        return "it reads time as UTC, but with time_is: project_local it is a wall-clock time of the project's time zone"
    milliseconds = _is_time if rules.time_in_ms else _is_time_in_ms
    if _is_event_time(node, milliseconds):
        return None
    if not rules.time_in_ms and _is_event_time(node, _is_time):
        return "it reads time as milliseconds, but Mixpanel's time is in seconds, which gives dates in January 1970"
    return "it is not the event's full time, or it has a form that cannot be compared"


def _is_event_time(node: Node, milliseconds: Callable[[Node], bool]) -> bool:
    """Return whether the result of an expression is the time of the event, as a date, a number or a text.

    ``milliseconds``: a function that returns whether an expression is the time of the event in milliseconds.
    """
    if milliseconds(node):
        return True
    if not isinstance(node, Call) or not node.arguments:
        return False
    first, *rest = node.arguments
    if node.name in ("date", "zone_date_to_utc") and not rest:
        return _is_event_time(first, milliseconds)
    if node.name in ("dformat", "format") and len(rest) == 1 and isinstance(rest[0], Literal):
        return _is_event_time(first, milliseconds) and all(word in str(rest[0].value) for word in _DATE_WORDS)
    return False


def _is_time(node: Node) -> bool:
    return isinstance(node, Attribute) and _read(node) == {"time"}


def _is_time_in_ms(node: Node) -> bool:
    if not isinstance(node, Call) or node.name != "*" or len(node.arguments) != 2:
        return False
    by = [each for each in node.arguments if isinstance(each, Literal)]
    return len(by) == 1 and by[0].value == Number("1000") and any(map(_is_time, node.arguments))


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for inner in node.arguments if isinstance(node, Call) else ():
        yield from _walk(inner)


def _read(node: Node) -> frozenset[str]:
    """Return the names of the event fields that an expression reads, without the ``$`` prefix of Mixpanel's names."""
    found = [event_paths(each.path) for each in _walk(node) if isinstance(each, Attribute)]
    return frozenset(
        "event" if ("event",) in paths else _name(paths[-1]).removeprefix("$") for paths in found
    )


def _name(path: tuple[object, ...]) -> str:
    return str(path[1]) if len(path) == 2 and path[0] == "properties" else ".".join(map(str, path[1:]))


def _join_names(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "constants"
