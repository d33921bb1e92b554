"""The credentials that IMS knows: a client, its organization, its scopes, and one or two secrets."""

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
    """Store the demo credential, unless it exists."""
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
    """Return the scopes of a comma-separated list; with ``spaces``, spaces separate them too."""
    parts = text.replace(",", " ").split() if spaces else text.split(",")
    return {part.strip() for part in parts if part.strip()}


def verify_secret(state: SandboxState, client_id: str, credential: Document, secret: str) -> bool:
    """Return whether ``secret`` is one of the credential's secrets, and record its use."""
    digest = _digest(secret)
    for entry in credential["secrets"]:
        if secrets.compare_digest(digest, entry["digest"]):
            entry["last_used"] = state.clock.milliseconds()
            state.store.put(CREDENTIALS, client_id, credential)
            return True
    return False


def add_secret(state: SandboxState, client_id: str, credential: Document) -> tuple[str, Document]:
    """Create a secret, which cannot be read again later, and return it with its entry.

    Raises ValueError for a third one.
    """
    if len(credential["secrets"]) >= MOST_SECRETS:
        raise ValueError(f"A credential can have no more than {MOST_SECRETS} client secrets.")
    secret = "demo-secret-not-real-" + secrets.token_hex(12)
    entry = _entry(state, secret)
    credential["secrets"].append(entry)
    state.store.put(CREDENTIALS, client_id, credential)
    return secret, entry


def remove_secret(state: SandboxState, client_id: str, credential: Document, key: str) -> bool:
    """Delete the secret with this uuid and return whether it existed.

    Tokens created with it stay valid until they expire.
    """
    left = [entry for entry in credential["secrets"] if entry["uuid"] != key]
    found = len(left) < len(credential["secrets"])
    state.store.put(CREDENTIALS, client_id, {**credential, "secrets": left})
    return found


def replace_secrets(state: SandboxState, client_id: str, given: object) -> Document:
    """Replace all secrets and return the changed credential. Raises ValueError for anything but one or two texts."""
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
    """Return a secret as the console lists it, without its value."""
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
    return {
        "uuid": uuid.uuid4().hex,
        "digest": _digest(secret),
        "created": state.clock.milliseconds(),
        "last_used": None,
    }


def _digest(secret: str) -> str:
    """Return the digest of a secret; like tokens, secrets are stored only as digests."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
