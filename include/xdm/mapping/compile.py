"""Compile a mapping set, so that events are converted in one pass; the cost does not depend on the schema's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from include.xdm.convert.column_converter import ColumnConverter
from include.xdm.dataprep.language.paths import Path
from include.xdm.identities.identity_columns import CompiledIdentity
from include.xdm.mapping.assemble import Part, part_of
from include.xdm.schema.xdm_field import Kind, XdmField

# Other processes of a step receive the compiled form and start faster without these imports.
if TYPE_CHECKING:
    from include.xdm.dataprep.compile_expressions import CompiledExpressions
    from include.xdm.dataprep.language.check import Typed
    from include.xdm.identities.bind_identities import BoundIdentity
    from include.xdm.mapping.field_mapping import FieldMapping
    from include.xdm.mapping.mapping_set import MappingSet

PROPERTIES: Path = ("properties",)
"""The path of all properties together."""


@dataclass(frozen=True)
class Leaf:
    """One mapped XDM field and its input: ``sources``, ``parts``, a ``constant`` or an expression.

    Attributes:
        number: the index of the mapping in the mapping set.
        kind: the kind of the mapping, as in ``FieldMapping``.
        name: the dotted path of the field, which is the key of its counts.
        destination: the path of the field, a sequence of object members.
        converter: the converter of values to the type of the field.
        sources: paths in an event; the first one with a value is used.
        constant: the value of every event.
        parts: the values that are assembled to an array or map.
    """

    number: int
    kind: str
    name: str
    destination: tuple[str, ...]
    converter: ColumnConverter
    sources: tuple[Path, ...] = ()
    constant: str = ""
    parts: tuple[Part, ...] = ()

    @cached_property
    def property(self) -> str | None:
        """The property whose complete value is the field's only source; None if the field is filled in another way."""
        if len(self.sources) != 1 or self.parts:
            return None
        root, *steps = self.sources[0]
        return str(steps[0]) if root == "properties" and len(steps) == 1 else None


@dataclass(frozen=True)
class CompiledMapping:
    """A mapping set and the identities of its pipeline, compiled to a form that other processes can receive.

    Attributes:
        leaves: the fields that are converted directly from an event's name and properties.
        constants: the fields with a constant.
        computed: the fields that ``expressions`` computes.
        expressions: the query for expressions; None without expressions.
        whole_properties: the properties whose complete value a field stores, so that they are not unmapped; the values
            are as in ``_whole_properties``.
        identities: the identities in the order of the pipeline file.
        unmapped: the path of the field for the JSON of unmapped properties; None if they are not loaded.
    """

    leaves: tuple[Leaf, ...]
    constants: tuple[Leaf, ...]
    computed: tuple[Leaf, ...]
    expressions: CompiledExpressions | None
    whole_properties: Mapping[str, tuple[tuple[int, int], ...]]
    identities: tuple[CompiledIdentity, ...]
    unmapped: tuple[str, ...] | None
    top_fields: tuple[str, ...]
    """The top-level fields of the schema that contain all destinations, in the order of the mapping set."""
    primary_in_map: bool = True
    """Whether the primary identity is in ``identityMap``; otherwise it is in another field."""

    @cached_property
    def columns(self) -> dict[int, str]:
        """The column of each leaf in the spill file, by leaf number; equal sources and scalar types share a column."""
        owners: dict[tuple[object, ...], int] = {}
        return {
            leaf.number: f"c{owners.setdefault((leaf.sources, kind) if kind.is_scalar else (leaf.number,), leaf.number)}"
            for leaf in self.leaves
            for kind in [leaf.converter.field.kind]
        }

    @cached_property
    def identity_columns(self) -> dict[int, str]:
        """The text column in the spill file of each identity that is a property, by the index of the identity.

        An identity uses the column of a leaf that reads the same property as text, if one exists.
        """
        texts = {
            leaf.property: self.columns[leaf.number]
            for leaf in self.leaves
            if leaf.converter.field.kind is Kind.STRING
        }
        names = {n: each.property for n, each in enumerate(self.identities) if each.property is not None}
        return {n: texts.get(name, f"i{n}") for n, name in names.items()}

    @cached_property
    def read_properties(self) -> tuple[str, ...]:
        """The properties that fields, expressions and identities read, but that are not in ``whole_properties``."""
        paths = [path for leaf in self.leaves for path in leaf.sources]
        paths += [path for leaf in self.leaves for part in leaf.parts for path in part.candidates]
        paths += self.expressions.paths if self.expressions else ()
        names = [str(path[1]) for path in paths if path[0] == "properties" and len(path) > 1]
        names += [identity.property for identity in self.identities if identity.property is not None]
        return tuple(name for name in dict.fromkeys(names) if name not in self.whole_properties)

    @cached_property
    def reads_everything(self) -> bool:
        """Whether a mapping or an expression reads all properties together, as one object."""
        paths = [path for leaf in self.leaves for path in leaf.sources]
        paths += [path for leaf in self.leaves for part in leaf.parts for path in part.candidates]
        return PROPERTIES in paths or bool(self.expressions and PROPERTIES in self.expressions.paths)

    @cached_property
    def sole_sources(self) -> frozenset[Path]:
        """The paths in an event that are the only source of some field, which stores their value in every row."""
        return frozenset(leaf.sources[0] for leaf in self.leaves if len(leaf.sources) == 1 and not leaf.parts)


def compile_mapping(
    mapping: MappingSet, identities: Sequence[BoundIdentity], now: str = "1970-01-01T00:00:00Z"
) -> CompiledMapping:
    """Compile a mapping set and the identities of its pipeline.

    ``now``: the result of the Data Prep function ``now()``, in ISO 8601.
    """
    made = {n: _leaf(n, m) for n, m in enumerate(mapping.mappings)}
    from include.xdm.dataprep.compile_expressions import compile_expressions

    by_sql = [n for n, m in enumerate(mapping.mappings) if _needs_sql(m)]
    compiled, of_identities = _identities(identities, len(made))
    computed = {**{n: mapping.mappings[n] for n in by_sql}, **of_identities}
    expressions = compile_expressions(computed, now, typed=frozenset(of_identities)) if computed else None
    leaves = tuple(leaf for n, leaf in made.items() if n not in by_sql and leaf.kind != "STATIC")
    return CompiledMapping(
        leaves=leaves,
        constants=tuple(leaf for leaf in made.values() if leaf.kind == "STATIC"),
        computed=tuple(made[n] for n in by_sql),
        expressions=expressions,
        whole_properties=_whole_properties(leaves),
        identities=compiled,
        unmapped=mapping.unmapped,
        top_fields=tuple(
            dict.fromkeys([m.destination[0] for m in mapping.mappings] + list((mapping.unmapped or ())[:1]))
        ),
        primary_in_map=mapping.primary is None,
    )


def _identities(
    identities: Sequence[BoundIdentity], first: int
) -> tuple[tuple[CompiledIdentity, ...], dict[int, FieldMapping]]:
    """Return the compiled identities, and a dict from the number of each of their expressions to the expression.

    The first number is ``first``.
    """
    from include.xdm.mapping.field_mapping import FieldMapping

    expressions: dict[int, FieldMapping] = {}

    def numbered(typed: Typed) -> int:
        number = first + len(expressions)
        text = XdmField(("identityMap",), Kind.STRING, {})
        expressions[number] = FieldMapping("EXPRESSION", text.path, text, expression=typed)
        return number

    compiled = tuple(
        CompiledIdentity(
            identity.rules,
            identity.name if identity.value is None else None,
            None if identity.value is None else numbered(identity.value),
            identity.state if isinstance(identity.state, str) else numbered(identity.state),
        )
        for identity in identities
    )
    return compiled, expressions


def _needs_sql(mapping: FieldMapping) -> bool:
    return mapping.kind == "EXPRESSION" or any(part.expression for part in mapping.parts)


def _leaf(number: int, mapping: FieldMapping) -> Leaf:
    return Leaf(
        number=number,
        kind=mapping.kind,
        name=mapping.field.dotted,
        destination=mapping.destination,
        converter=ColumnConverter(_prune_members(mapping)),
        sources=mapping.sources,
        constant=mapping.constant,
        parts=() if _needs_sql(mapping) else tuple(map(part_of, mapping.parts)),
    )


def _whole_properties(leaves: Sequence[Leaf]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return by property name which leaves read the complete value of the property.

    A value is a tuple of pairs: the index of a leaf in ``leaves``, and the index of the property among its sources.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for index, leaf in enumerate(leaves):
        for place, source in enumerate(leaf.sources):
            if source[0] == "properties" and len(source) == 2:
                found.setdefault(str(source[1]), []).append((index, place))
    return {name: tuple(places) for name, places in found.items()}


def _prune_members(mapping: FieldMapping) -> XdmField:
    """Return the destination field of a mapping, without constraints and members that the mapping cannot fill."""
    if mapping.kind != "ASSEMBLED":
        return _without_constraints(mapping.field)
    return _keep_paths(mapping.field, [(part.inside, part.field) for part in mapping.parts])


def _keep_paths(field: XdmField, paths: Sequence[tuple[Path, XdmField]]) -> XdmField:
    if any(not path for path, _ in paths):
        return _without_constraints(field)
    if field.kind is Kind.OBJECT:
        below: dict[str, list[tuple[Path, XdmField]]] = {}
        for path, target in paths:
            below.setdefault(str(path[0]), []).append((path[1:], target))
        children = {name: _keep_paths(field.children[name], inner) for name, inner in below.items()}
        return replace(field, children=children, constraints={})
    assert field.item is not None  # find_destination enters only arrays and maps that have an item
    return replace(
        field, item=_keep_paths(field.item, [(path[1:], target) for path, target in paths]), constraints={}
    )


def _without_constraints(field: XdmField) -> XdmField:
    """Return a field without its constraints: conversion does not use them, and they are most of a schema's bytes."""
    children = {name: _without_constraints(child) for name, child in field.children.items()}
    item = _without_constraints(field.item) if field.item else None
    return replace(field, constraints={}, children=children, item=item)
