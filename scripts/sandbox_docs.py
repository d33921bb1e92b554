"""Writes the generated tables of docs/sandbox.md; --check only reports whether they are up to date.

The routes come from the OpenAPI document, the settings from the settings classes and the text below each of their
fields.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mixpanel_aep_sandbox.aep.core.service_settings import AepSettings  # noqa: E402
from mixpanel_aep_sandbox.aep.ingestion.settings import IngestSettings  # noqa: E402
from mixpanel_aep_sandbox.aep.query_service.settings import QuerySettings  # noqa: E402
from mixpanel_aep_sandbox.core.state import Settings  # noqa: E402
from mixpanel_aep_sandbox.mixpanel.settings import Switches  # noqa: E402
from mixpanel_aep_sandbox.openapi import METHODS, document  # noqa: E402

PAGE = ROOT / "docs/sandbox.md"


def routes() -> Iterator[str]:
    """Yield one table per service."""
    whole = document()
    for tag in whole["tags"]:
        yield f"**{tag['name']}.** {' '.join(tag.get('description', '').split())}\n\n| | | |\n|---|---|---|"
        for path, item in whole["paths"].items():
            for method in METHODS:
                if method in item and tag["name"] in item[method]["tags"]:
                    yield f"| {method.upper()} | `{path}` | {item[method]['summary']} |"
        yield ""


def settings(*classes: type[object]) -> Iterator[str]:
    """Yield the table of the settings of some classes."""
    yield "| setting | default, and other values | |\n|---|---|---|"
    for each in classes:
        for name, default, text in fields(each):
            yield f"| `{name}` | {default} | {text} |"


def fields(settings_class: type[object]) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and text of the fields of a class as Markdown; raises SystemExit for a field without text."""
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(settings_class))).body
    assert isinstance(tree, ast.ClassDef)
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign):
            continue
        name = ast.unparse(node.target)
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            raise SystemExit(
                f"{settings_class.__name__}.{name} needs a text below it that states its effect and its source."
            )
        text = " ".join(str(after.value.value).split()).replace("``", "`").replace("|", "\\|")
        yield name, " or ".join(f"`{json.dumps(each)}`" for each in _values(settings_class, name)), text


def _values(settings_class: type[object], name: str) -> list[object]:
    """Return the default of a field, and its other choices where the class lists them."""
    default = getattr(settings_class(), name)
    field = getattr(settings_class, "__dataclass_fields__", {}).get(name)
    choices = field.metadata.get("choices", ()) if field else get_args(get_type_hints(settings_class)[name])
    others = [each for each in choices if each != default and not isinstance(each, type)]
    return [default, *others]


def written(page: str) -> str:
    """Return the page with up-to-date tables."""
    parts = {
        "routes": routes(),
        "settings": settings(Settings, AepSettings, IngestSettings, QuerySettings),
        "switches": settings(Switches),
    }
    for name, lines in parts.items():
        table = "\n".join(lines).strip()
        pattern = f"(<!-- {name}.*? -->\n).*?(<!-- /{name} -->)"
        page, count = re.subn(
            pattern, lambda found, table=table: f"{found[1]}{table}\n{found[2]}", page, flags=re.DOTALL
        )
        if count != 1:
            raise SystemExit(f"docs/sandbox.md must have exactly one place for the {name}.")
    return page


def main(arguments: list[str]) -> int:
    """Write the page, or check it with ``--check``; return the exit code."""
    before = PAGE.read_text(encoding="utf-8")
    after = written(before)
    if arguments == ["--check"]:
        if before != after:
            sys.stderr.write("The tables of docs/sandbox.md are out of date: run `make docs`.\n")
        return int(before != after)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
