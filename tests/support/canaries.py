"""Unique secrets, every spelling in which they could appear, and a search for them in files.

``find_canaries([lake, logs])`` is for every test that leaves files behind: a non-empty list names a leak.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

MIXPANEL_USER = "canary-user.1f9d.mp-service-account"
# Characters that every encoding writes differently: a search for the plain text alone finds little.
MIXPANEL_SECRET = 'cnry"Mp/8+k\\Z&7<q=Xw%3A'
PROJECT_SECRET = "cnry0ddc0ffee" + "5eca11ab1e5ca1ab1e5"
AEP_CLIENT = "cnry-client-77aa"
AEP_SECRET = 'p8e-cnry+V4"n/T&9<r=Yd\\6'
PROXY_PASSWORD = "cnry-pr0xy+p/4"
# In two pieces, because the scan of the repository searches for such keys too.
AWS_KEY = "AK" + "IACNRYQ7T3X9WZ5LB2"
AWS_SECRET = "cnryAwS/k3Y+qz8Lm2Vb5Nx7Rt1Yp4Wd6Hs9Jf0G"
AWS_TOKEN = "FwoGcnryZXIvYXdzE/J8a+session=="
FERNET_KEY = "cnryRk5Jq2hWm8xTz4Lp7Vb1Nd6Ys9Gf3Ha0Kc5Ee8I="
LAKE_SECRET = "cnryLk3Wm8xTz4Lp7Vb1Nd6Ys9Gf3Ha0Kc5Ee8Iq2Rt7Uo1X"
SIGNATURE = "cnry9c0f5a1b7d3e2468ace013579bdf02468ace13579bdf02468ace1357"


@dataclass(frozen=True)
class Leak:
    """A secret in a file: which, how it was written, and where; ``member`` says how the file had to be opened."""

    path: Path
    canary: str
    spelling: str
    member: str = ""


CANARIES = {
    "Mixpanel service account secret": MIXPANEL_SECRET,
    "Mixpanel project secret": PROJECT_SECRET,
    "AEP client secret": AEP_SECRET,
    "proxy password": PROXY_PASSWORD,
    "AWS key id": AWS_KEY,
    "AWS secret key": AWS_SECRET,
    "AWS session token": AWS_TOKEN,
    "Fernet key": FERNET_KEY,
    "key of the lake": LAKE_SECRET,
    "signature of a presigned URL": SIGNATURE,
}
PAIRS = {
    "Mixpanel Basic credentials": f"{MIXPANEL_USER}:{MIXPANEL_SECRET}",
    "AEP Basic credentials": f"{AEP_CLIENT}:{AEP_SECRET}",
}
"""Searched for as base64 only; each half is a canary of its own, or no secret."""
PATTERNS = {
    "bearer token of the sandbox": rb"sandbox-token-[A-Za-z0-9_-]{20,}",
    "JSON Web Token": rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    "Authorization header": rb"(?i:authorization)[\"']?\s*[:=]\s*[\"']?(?i:basic|bearer)\s+(?!\*\*\*)[A-Za-z0-9+/=._~-]{8,}",
}
"""What is made while a test runs, or is a secret whatever is in it."""


def spellings(secret: str) -> dict[str, str]:
    """Return the spellings of a secret by the name of the encoding; each text only once, under its first name."""
    in_json = json.dumps(secret)[1:-1]
    body = secret.encode()
    written = {
        "plain": secret,
        "urlencoded": quote(secret, safe=""),
        "form": quote_plus(secret),
        "path": quote(secret),
        "JSON": in_json,
        "JSON with \\/": in_json.replace("/", "\\/"),
        "JSON in JSON": json.dumps(in_json)[1:-1],
        "JSON as HTML": in_json.replace("<", "\\u003c").replace("&", "\\u0026"),
        "HTML": html.escape(secret),
        "HTML of Jinja": html.escape(secret).replace("&quot;", "&#34;"),
        "repr": repr(secret)[1:-1],
        "hex": body.hex(),
        **_base64(body),
    }
    names: dict[str, str] = {}
    for name, text in written.items():
        names.setdefault(text, name)
    return {name: text for text, name in names.items()}


def _base64(body: bytes) -> dict[str, str]:
    whole = body[
        : len(body) // 3 * 3
    ]  # The rest is encoded together with what follows: `secret:` begins as `secret` does.
    return {
        "base64": base64.b64encode(whole).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(whole).decode(),
    }


@cache
def _search() -> tuple[re.Pattern[bytes], dict[str, tuple[str, str]]]:
    """Return one regular expression for all canaries in all spellings, and the canary and spelling of each of its groups."""
    named: dict[str, tuple[str, str]] = {}
    parts: list[bytes] = []

    def add(canary: str, spelling: str, expression: bytes) -> None:
        group = f"g{len(named)}"
        named[group] = (canary, spelling)
        parts.append(b"(?P<%s>%s)" % (group.encode(), expression))

    for canary, secret in CANARIES.items():
        # The longest first: of two words with the same beginning the expression matches the first one.
        for spelling, text in sorted(spellings(secret).items(), key=lambda item: -len(item[1])):
            add(canary, spelling, re.escape(text.encode()))
    for canary, pair in PAIRS.items():
        for spelling, text in _base64(pair.encode()).items():
            add(canary, spelling, re.escape(text.encode()))
    for canary, expression in PATTERNS.items():
        add(canary, "pattern", expression)
    return re.compile(b"|".join(parts)), named


@cache
def _quick() -> tuple[tuple[bytes, ...], re.Pattern[bytes]]:
    """Return short texts and patterns, one of which is in every text that the expression of ``_search`` finds: a fast first check."""
    words = [text for secret in CANARIES.values() for text in spellings(secret).values()]
    words += [text for pair in PAIRS.values() for text in _base64(pair.encode()).values()]
    return tuple(word.encode() for word in words), re.compile(
        b"|".join(b"(?:%s)" % text for text in PATTERNS.values())
    )


def find_in(data: bytes | str) -> list[tuple[str, str]]:
    """Return the canary and the spelling of each canary in ``data``, each pair once."""
    expression, named = _search()
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    needles, patterns = _quick()
    # An expression of hundreds of words is tried at every byte; searching for each word is a hundred times faster.
    if not any(needle in raw for needle in needles) and not patterns.search(raw):
        return []
    found = dict.fromkeys(named[str(match.lastgroup)] for match in expression.finditer(raw))
    return list(found)


def find_canaries(paths: Iterable[Path]) -> list[Leak]:
    """Return every canary in the files and below the folders of ``paths``: in their names, their bytes, and what gzip and
    Parquet make of these. Missing paths are skipped.
    """
    return [leak for root in paths for path in _files(root) for leak in _leaks(path)]


def _files(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in sorted(root.rglob("*")) if path.is_file())
    elif root.is_file():
        yield root


def _leaks(path: Path) -> Iterator[Leak]:
    for canary, spelling in find_in(str(path)):
        yield Leak(path, canary, spelling, "name")
    for member, data in _contents(path):
        for canary, spelling in find_in(data):
            yield Leak(path, canary, spelling, member)


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        body = path.read_bytes()
    except FileNotFoundError:  # A file of a process that is still running.
        return
    yield "", body
    if body[:2] == b"\x1f\x8b":
        yield "gzip", _gunzip(body)
    elif body[:4] == b"PAR1" and body[-4:] == b"PAR1":
        yield "Parquet", _parquet(body)


def _gunzip(body: bytes) -> bytes:
    """Decompress as far as possible: a truncated file is searched too."""
    whole = io.BytesIO()
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        try:
            while piece := file.read1(1 << 20):
                whole.write(piece)
        except (EOFError, OSError, zlib.error):
            pass
    return whole.getvalue()


def _parquet(body: bytes) -> bytes:
    """Return the metadata of a Parquet file, then all its values as JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(body))
    except (
        pa.ArrowException
    ):  # From a process that died while it wrote: its bytes were searched, and there is no more.
        return b""
    rows = json.dumps(table.to_pylist(), ensure_ascii=False, default=str)
    return (str(table.schema.metadata) + rows).encode("utf-8", "surrogatepass")
