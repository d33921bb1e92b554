"""References (``$ref``) between resources of the Schema Registry."""

from __future__ import annotations

from collections.abc import Iterator

from mixpanel_aep_sandbox.aep.core.scope import RESOURCES, AepSandboxScope
from mixpanel_aep_sandbox.core.json_types import JsonObject


def references(body: object) -> Iterator[str]:
    """Yield the ``$id`` of every ``$ref`` in a JSON value that refers to another resource, with repetitions."""
    if isinstance(body, dict):
        ref = body.get("$ref")
        if isinstance(ref, str) and not ref.startswith("#"):
            yield ref.partition("#")[0]
        for value in body.values():
            yield from references(value)
    elif isinstance(body, list):
        for value in body:
            yield from references(value)


def dependents(scope: AepSandboxScope, key: str) -> list[JsonObject]:
    """Return the tenant's resources that refer to a resource, directly or through other resources.

    Args:
        scope: The AEP sandbox.
        key: The ``$id`` of the resource, which is not part of the result.
    """
    bodies = {other: (set(references(body)), body) for other, body in scope.items(RESOURCES)}
    reached, found = {key}, True
    while found:
        new = {other for other, (refs, _) in bodies.items() if other not in reached and refs & reached}
        reached, found = reached | new, bool(new)
    return [body for other, (_, body) in bodies.items() if other in reached and other != key]


def with_dependencies(scope: AepSandboxScope, key: str) -> list[JsonObject]:
    """Return a resource of the tenant and the tenant's resources that it refers to, in an order for creation.

    Each resource follows those that it refers to. The result is empty if the tenant has no resource with this ``$id``.
    """
    found: dict[str, JsonObject] = {}

    def visit(name: str) -> None:
        body = scope.get(RESOURCES, name)
        if body is not None and name not in found:
            for ref in dict.fromkeys(references(body)):
                visit(ref)
            found[name] = body

    visit(key)
    return list(found.values())
