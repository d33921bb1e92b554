"""What people read avoids phrasings that are unidiomatic or unclear; each is listed with what to write."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
READ = (".py", ".md", ".sh", ".toml", ".yaml", ".j2", ".in", ".js", ".css", "Makefile", "Dockerfile", "run")
# What others wrote, what is data, and this list.
NOT_OURS = re.compile(
    r"tests/scripts/test_language\.py|docs/licences\.md|/standard/|/openapi/|\.pre-commit|LICENSE|requirements.*\.txt"
)

INSTEAD = {
    r"\b(?:is|are|was|were|be|been|being) told\b|\btold (?:as|apart|to|by)\b|\btells (?:its|no|the|that|what)\b": "reported, classified as, shows",
    r"\b(?:is|are|was|were) (?:no|(?-i:none))\b(?! (?:longer|more|less)\b)": "is not a, is missing, is invalid",
    r"\bthere (?:is|was) no such\b": "not found",
    r"(?<![\"'`])\bbesides?\b(?![\"'`])": "in addition to, excluding, next to",
    r"\bwhoever\b|\bsomebody\b": "the caller, another run",
    r"\banew\b": "again",
    r"\bmeanwhile\b": "concurrently, in the meantime",
    r"\ba \w+ more\b": "name the number and the thing",
    r"\b(?:look|looks|looked|looking) (?:again|anew)\b": "refresh, poll",
    r"\ball the same\b": "also, nevertheless",
    r"\bby (?:him|her)self\b|\bhis own\b": "their own",
    r"\bone by one\b(?! )": "individually",
    r"\bwhat is (?:asked|wanted)\b": "the request, the requirement",
    r"\blies? about\b|\blying about\b": "is left behind",
}
BANNED = re.compile(
    "|".join(f"(?P<p{number}>{pattern})" for number, pattern in enumerate(INSTEAD)), re.IGNORECASE
)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield comments, texts and names of tests of a Python file, and the lines of any other, with their numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    kinds = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and token.string.startswith("test_"):
            yield token.start[0], token.string.replace("_", " ")
        if token.type in kinds:
            for offset, line in enumerate(token.string.splitlines()):
                yield token.start[0] + offset, line


def ours() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if name.endswith(READ) and not NOT_OURS.search(name)]


def test_no_banned_phrasing() -> None:
    instead = list(INSTEAD.values())
    found = [
        f"{name}:{number}: '{match[0]}': write {instead[int((match.lastgroup or 'p0')[1:])]}"
        for name in ours()
        for number, line in prose(ROOT / name)
        for match in BANNED.finditer(line)
    ]
    assert not found, f"{len(found)} phrasings:\n" + "\n".join(found[:1000])


@pytest.mark.parametrize(
    "sentence",
    [
        "The token is no token.",
        "It is told apart.",
        "Whoever reads this",
        "The file beside it",
        "It is left lying about",
    ],
)
def test_the_list_finds_what_it_names(sentence: str) -> None:
    assert BANNED.search(sentence)


def test_plain_sentences_pass() -> None:
    assert not BANNED.search("The file is no longer there. It is no more than a megabyte. Read more.")
