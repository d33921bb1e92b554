"""OAuth credentials of IMS: a client id with its organization, its scopes, and one or two client secrets."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import UTC, datetime

from mixpanel_aep_sandbox.aep.core.constants import (
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    DEMO_CREDENTIAL,
    DEMO_ORG,
    DEMO_ORG_NUMBER,
    DEMO_SCOPE,
    DEMO_SECRET_SCOPE,
)
from mixpanel_aep_sandbox.aep.core.gateway import CREDENTIALS
from mixpanel_aep_sandbox.core.state import SandboxState
from mixpanel_aep_sandbox.core.store import Document

MOST_SECRETS = 2


def seed(state: SandboxState) -> None:
    """Store the sandbox's demo credential, which exists from the start, if it is not stored yet."""
    if state.store.get(CREDENTIALS, DEMO_CLIENT_ID) is None:
        body = {
            "org": DEMO_ORG,
            "org_number": DEMO_ORG_NUMBER,
            "credential_id": DEMO_CREDENTIAL,
            "scope": f"{DEMO_SCOPE},{DEMO_SECRET_SCOPE}",
            "secrets": [_entry(state, DEMO_CLIENT_SECRET)],
        }
        state.store.put(CREDENTIALS, DEMO_CLIENT_ID, body)


def parse_scopes(text: str, *, spaces: bool = True) -> set[str]:
    """Return the scopes in a comma-separated list; if ``spaces`` is true, spaces separate scopes as well."""
    parts = text.replace(",", " ").split() if spaces else text.split(",")
    return {part.strip() for part in parts if part.strip()}


def verify_secret(state: SandboxState, client_id: str, credential: Document, secret: str) -> bool:
    """Return whether ``secret`` is a client secret of the credential; if so, store the time as its last use."""
    digest = _digest(secret)
    for entry in credential["secrets"]:
        if secrets.compare_digest(digest, entry["digest"]):
            entry["last_used"] = state.clock.milliseconds()
            state.store.put(CREDENTIALS, client_id, credential)
            return True
    return False


def add_secret(state: SandboxState, client_id: str, credential: Document) -> tuple[str, Document]:
    """Add a random client secret to the credential, and return its value and its stored entry.

    The value cannot be read later, because only its digest is stored. Raises ValueError if the credential already has
    two secrets.
    """
    if len(credential["secrets"]) >= MOST_SECRETS:
        raise ValueError(f"A credential can have no more than {MOST_SECRETS} client secrets.")
    secret = "demo-secret-not-real-" + secrets.token_hex(12)
    entry = _entry(state, secret)
    credential["secrets"].append(entry)
    state.store.put(CREDENTIALS, client_id, credential)
    return secret, entry


def remove_secret(state: SandboxState, client_id: str, credential: Document, secret_id: str) -> bool:
    """Delete the client secret with this uuid from the credential, and return whether the secret existed.

    Access tokens that were issued for the secret stay valid until they expire.
    """
    left = [entry for entry in credential["secrets"] if entry["uuid"] != secret_id]
    found = len(left) < len(credential["secrets"])
    state.store.put(CREDENTIALS, client_id, {**credential, "secrets": left})
    return found


def replace_secrets(state: SandboxState, client_id: str, given: object) -> Document:
    """Replace the client secrets of a credential by ``given``, and return the changed credential.

    Raises ValueError if ``given`` is not a list of one or two texts.
    """
    if (
        not isinstance(given, list)
        or not 1 <= len(given) <= MOST_SECRETS
        or not all(isinstance(secret, str) and secret for secret in given)
    ):
        raise ValueError("A credential has one secret or two.")
    credential = state.store.get(CREDENTIALS, client_id) or {}
    credential["secrets"] = [_entry(state, secret) for secret in given]
    state.store.put(CREDENTIALS, client_id, credential)
    return credential


def secret_view(entry: Document) -> Document:
    """Return a stored client secret in the format of the Adobe Developer Console, without the secret's value."""
    made = datetime.fromtimestamp(entry["created"] / 1000, UTC)
    used = entry["last_used"]
    return {
        "expires_at": "PERMANENT",
        "expires_at_str": "PERMANENT",
        "created_at": str(entry["created"]),
        "created_at_str": f"{made:%a, %b} {made.day} {made:%Y %H:%M:%S}.{entry['created'] % 1000:03} UTC",
        "uuid": entry["uuid"],
        "secret_usages": used and [{"last_used_at": str(used), "grant_type": "client_credentials"}],
    }


def _entry(state: SandboxState, secret: str) -> Document:
    """Return the entry to store for a client secret that is created now."""
    return {
        "uuid": uuid.uuid4().hex,
        "digest": _digest(secret),
        "created": state.clock.milliseconds(),
        "last_used": None,
    }


def _digest(secret: str) -> str:
    """Return the SHA-256 digest of a client secret, in hexadecimal; only digests are stored."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
