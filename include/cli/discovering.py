"""``discover``: which properties the data hold, and fields and mappings for those that have none."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.aep.setup import field_group as plans
from include.cli.printing import say, table, title
from include.cli.project import Project
from include.errors import ConfigError
from include.redact import one_line
from include.xdm import field_names, mapping_file
from include.xdm.discover import Discovery, Profile
from include.xdm.field_names import read_names
from include.xdm.mapping_file import read_mapping_file
from include.xdm.propose import Proposal, mapped_properties, propose, told


def discover(project: Project, arguments: argparse.Namespace) -> int:
    """Reports the properties and the proposal; writes its three files when asked to."""
    book = read_names(_names_path(project))
    rows = read_mapping_file(project.pipeline.mapping)
    found = Discovery()
    place = _read(project, arguments, found)
    mapped = mapped_properties(rows, book)
    proposal = propose(found, book, mapped)
    title(
        f"{found.rows} events of {place}, {len(found.properties)} properties, {found.unreadable} unreadable lines"
    )
    examples = "values" if arguments.show_values else "shapes"
    listed = [("property", "events", "types", examples, "")]
    for name, profile in sorted(found.properties.items()):
        listed.append(
            (one_line(name, 40), *_facts(profile, found.rows, examples), "mapped" if name in mapped else "")
        )
    table("", listed)
    _tell(proposal)
    if arguments.write:
        for path in _write(project, proposal, rows):
            say("ok", "wrote", f"{path.parent.name}/{path.name}")
    elif proposal.new:
        title("Nothing was written; --write writes the mapping, the field group and the names.")
    return 0


def _read(project: Project, arguments: argparse.Namespace, found: Discovery) -> str:
    """Fills a discovery; returns where its lines are from."""
    if arguments.export:
        first, last = project.newest_days(arguments.days)
        with project.sample(first, last, arguments.limit) as lines:
            found.see(lines)
        return f"a sample of {first} to {last}"
    days = project.exported_days(arguments.days)
    if not days:
        raise ConfigError(
            f"The lake has no exported day of pipeline {project.pipeline.name}.", "Use --export for a sample."
        )
    for day in days:
        with project.raw_lines(day) as lines:
            found.see(lines)
    return f"{days[-1]} to {days[0]}"


def _facts(profile: Profile, rows: int, examples: str) -> tuple[str, str, str]:
    kinds = ", ".join(kind for kind, _ in sorted(profile.kinds.items()))
    share = f"{profile.kinds.total() / rows:.1%}"
    shown = profile.values if examples == "values" else profile.shapes
    return share, kinds, one_line(" | ".join(shown), 60)


def _tell(proposal: Proposal) -> None:
    title(f"{len(proposal.new)} new fields")
    given = proposal.book.given
    table("+", [(one_line(s), given[s].field, told(given[s].definition)) for s in proposal.new])
    table("!", [(one_line(source), f"stays {text}") for source, text in sorted(proposal.differing.items())])
    if proposal.nameless:
        say(
            "!",
            "",
            f"{proposal.nameless} properties have a name that no mapping can write; they stay unmapped",
        )


def _names_path(project: Project) -> Path:
    return field_names.NAMES / f"{project.pipeline.name}.json"


def _write(project: Project, proposal: Proposal, rows: Sequence[dict[str, Any]]) -> list[Path]:
    """The book first: whatever happens to the others, a field that was given stays given."""
    pipeline = project.pipeline
    if pipeline.aep.field_group is None:
        raise ConfigError(
            f"Pipeline {pipeline.name} names no field group.", "Write aep.field_group, a file's name."
        )
    if not pipeline.mapping.endswith(".json"):
        raise ConfigError(
            f"discover writes mappings as JSON, but pipeline {pipeline.name} has {pipeline.mapping}.",
            "Copy its mappings to a .json file of include/pipelines/mappings and write that in mapping.",
        )
    group = plans.read_field_group(pipeline.aep.field_group)
    names, mapping = _names_path(project), mapping_file.MAPPINGS / pipeline.mapping
    fields = plans.FIELD_GROUPS / pipeline.aep.field_group
    names.parent.mkdir(exist_ok=True)
    names.write_bytes(proposal.book.to_json())
    fields.write_text(json.dumps(proposal.field_group(group), indent=2) + "\n", encoding="utf-8")
    mapping.write_text(_with_rows(mapping, proposal, rows), encoding="utf-8")
    return [names, fields, mapping]


def _with_rows(path: Path, proposal: Proposal, rows: Sequence[dict[str, Any]]) -> str:
    """The mapping file with the rows it lacks at its end, a mapping a line."""
    data = json.loads(path.read_text(encoding="utf-8-sig"))
    there = {row["source"] for row in rows}
    listed = data["mappings"] if isinstance(data, dict) else data
    listed += [row for row in proposal.rows() if row["source"] not in there]
    if isinstance(data, list) or set(data) != {"mappings"}:
        return json.dumps(data, indent=2) + "\n"
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in listed)
    return f'{{\n  "mappings": [\n{lines}\n  ]\n}}\n'
