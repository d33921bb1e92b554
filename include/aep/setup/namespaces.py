"""Plans the creation of missing identity namespaces, and refuses codes that may be typos.

AEP cannot delete a namespace, so a namespace with a misspelled code would remain.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from include.aep.setup.changes import CreateNamespace
from include.aep.setup.requirements import SetupRequirements
from include.aep.setup.state import AepState
from include.errors import ConfigError

_ALIKE = 0.85


def new_namespaces(state: AepState, requirements: SetupRequirements) -> Iterator[CreateNamespace]:
    """Yield a change for each namespace in ``identities`` of the pipeline file that does not exist in AEP.

    Raises:
        ConfigError: AEP has a namespace with a similar code, and ``aep.new_namespaces`` does not list the new code.
    """
    seen = set(state.namespaces)
    for source, code in requirements.pipeline.namespaces.items():
        if code in seen:
            continue
        near = _similar_code(code, state)
        if near is not None and code not in requirements.pipeline.aep.new_namespaces:
            is_plain = source in requirements.pipeline.identity_properties
            written = near if is_plain else f"{{namespace: {near}, …}}"
            raise ConfigError(
                f"AEP has no identity namespace {code!r}, but it has {near!r}. A namespace can never be deleted.",
                f"Write identities: {{{source}: {written}}}. To create a new namespace, write aep.new_namespaces: [{code}].",
            )
        seen.add(code)
        yield CreateNamespace(
            f"create identity namespace {code}",
            f"created identity namespace {code}",
            "identities",
            code=code,
            id_type="DEVICE" if "device" in source else "CROSS_DEVICE",
            description=f"Mixpanel {source}",
        )


def _similar_code(code: str, state: AepState) -> str | None:
    """Return the code of AEP with which ``code`` may be confused; None if AEP does not have one.

    It is a code that only differs in upper and lower case, or the most similar code of Adobe's own namespaces.
    """
    for found in state.namespaces.values():
        if found.code.lower() == code.lower():
            return found.code
    adobes = [found.code for found in state.namespaces.values() if not found.custom]
    alike = {other: SequenceMatcher(None, other.lower(), code.lower()).ratio() for other in adobes}
    best = max(alike, key=lambda other: alike[other], default=None)
    return best if best is not None and alike[best] >= _ALIKE else None
