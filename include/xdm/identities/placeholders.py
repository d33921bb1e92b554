"""What SDKs and people send in place of an identity."""

from __future__ import annotations

ZERO_CHARACTERS = "0-:"
"""A value of these alone is a zero: of a number, a UUID, an advertising id, a network address."""

PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "Mixpanel refuses them as ids (MD:reference/import-events.mdx)": (
        "anon", "nil", "none", "n/a", "na", "undefined", "unknown", "<nil>", "true", "false", "[]", "{}",
        "-1",
    ),
    "how languages and tools write that there is nothing": (
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
"""The placeholders of the default list by what they are; values of ``ZERO_CHARACTERS`` alone are placeholders, too."""
