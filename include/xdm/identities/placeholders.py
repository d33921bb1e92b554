"""Placeholders that SDKs and people send in place of an identity."""

from __future__ import annotations

ZERO_CHARACTERS = "0-:"
"""A value of only these characters is the zero value of an id: of a number, UUID, advertising id or network address."""

PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "Mixpanel refuses them as ids (MD:reference/import-events.mdx)": (
        "anon", "nil", "none", "n/a", "na", "undefined", "unknown", "<nil>", "true", "false", "[]", "{}",
        "-1",
    ),
    "how languages and tools write a missing value": (
        "nan", "infinity", "-infinity", "(null)", "<null>", "(nil)", "<none>", "(none)", "nsnull", "\\n", "[object object]",
        "not set", "(not set)", "not_set", "empty", "(empty)",
    ),
    "test ids": (
        "test", "tester", "testuser", "test_user", "test-user", "test user", "test@test.com", "test@example.com",
        "user@example.com", "12345678-1234-1234-1234-123456789012", "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ),
    "ids that many devices share: Android's emulator and a faulty Android 2.2; phones that hide their network address": (
        "9774d56d682e549c", "02:00:00:00:00:00",
    ),
}  # fmt: skip
"""The default placeholders by their origin; values of only ``ZERO_CHARACTERS`` are placeholders, too."""
