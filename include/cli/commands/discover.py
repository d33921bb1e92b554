"""``discover``: list the properties of the events, and propose fields and mappings for the unmapped properties."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from include.aep.setup import field_group as plans
from include.cli.console import Output
from include.cli.options import MAX_NUMBER, ShowValues
from include.cli.progress import Meter, show_progress
from include.cli.project import Project
from include.errors import ConfigError
from include.json_types import JsonMapping
from include.plural import counted
from include.redact import one_line
from include.xdm.discovery import field_names
from include.xdm.discovery.discover import Discovery, Profile
from include.xdm.discovery.field_names import read_assignments
from include.xdm.discovery.field_proposals import Proposal, mapped_properties, propose_fields, type_name
from include.xdm.mapping import mapping_file
from include.xdm.mapping.mapping_file import read_mapping_file

Days = Annotated[
    int,
    typer.Option("--days", min=1, max=MAX_NUMBER, help="How many of the newest days in the lake to read."),
]
Export = Annotated[bool, typer.Option("--export", help="Read a sample from Mixpanel instead of the lake.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=MAX_NUMBER, help="How many events the sample has.")]
Write = Annotated[bool, typer.Option("--write", help="Write the mapping, the field group and the names.")]


def discover(
    project: Project,
    out: Output,
    *,
    days: Days = 7,
    export: Export = False,
    limit: Limit = 10_000,
    write: Write = False,
    show_values: ShowValues = False,
) -> None:
    """Propose fields and mappings for unmapped properties.

    It reads the newest exported days in the lake, or a sample from Mixpanel.
    Nothing is written without --write.
    """
    book = read_assignments(_names_path(project))
    rows = read_mapping_file(project.pipeline.mapping)
    discovery = Discovery()
    place = _read(project, discovery, days, limit if export else None)
    mapped = mapped_properties(rows, book)
    proposal = propose_fields(discovery, book, mapped)
    out.title(
        f"{counted(discovery.rows, 'event')} of {place}, {counted(len(discovery.properties), 'property')}, "
        f"{counted(discovery.unreadable, 'unreadable line')}"
    )
    if not discovery.rows and not discovery.unreadable:
        out.print_status("!", "", _no_events(days, is_sample=export))
    examples = "values" if show_values else "shapes"
    listed = [
        (
            one_line(name, 40),
            *_table_cells(profile, discovery.rows, examples),
            "yes" if name in mapped else "",
        )
        for name, profile in sorted(discovery.properties.items())
    ]
    out.table("", listed, head=("property", "events", "types", examples, "mapped"))
    _show(proposal, out)
    written = _write(project, proposal, rows) if write else []
    for path in written:
        out.print_status("ok", "wrote", f"{path.parent.name}/{path.name}")
    if proposal.new and not write:
        out.title("Nothing was written; --write writes the mapping, the field group and the names.")
    out.result(_to_json(discovery, proposal, mapped, written, show_values=show_values) | {"place": place})


def _no_events(days: int, *, is_sample: bool) -> str:
    """Return a hint for a sample, or for exported days, that have no events."""
    sentence = f"no events in these days; increase --days (now {days})"
    if not is_sample:
        return f"{sentence}, or export days that have events"
    return (
        f"{sentence}, or compare end_date, events and where of the pipeline file, and project_id and region of the "
        "connection, with Mixpanel"
    )


def _read(project: Project, discovery: Discovery, count: int, sample: int | None) -> str:
    """Add events to a discovery, and return a description of their source.

    ``count``: the number of days to read. ``sample``: how many events to request from Mixpanel; None: read the lake.
    """
    if sample is not None:
        first, last = project.newest_days(count)
        with (
            project.sample(first, last, sample) as lines,
            show_progress("Reading", sample, "events") as meter,
        ):
            discovery.add_lines(_count_progress(lines, meter))
        return f"a sample of {first} to {last}"
    days = project.exported_days(count)
    if not days:
        raise ConfigError(
            f"The lake has no exported day of pipeline {project.pipeline.name}.",
            "Add --export to request a sample of events from Mixpanel, or export a day first.",
        )
    total = sum(manifest.rows for day in days if (manifest := project.newest_export(day)))
    with show_progress("Reading", total, "events") as meter:
        for day in days:
            with project.raw_lines(day) as lines:
                discovery.add_lines(_count_progress(lines, meter))
    return f"{days[-1]} to {days[0]}"


def _count_progress(lines: Iterable[bytes], meter: Meter) -> Iterator[bytes]:
    for line in lines:
        meter()
        yield line


def _table_cells(profile: Profile, rows: int, examples: str) -> tuple[str, str, str]:
    """Return the cells of a property: the share of events that have it, its types, and examples of its values."""
    kinds = ", ".join(kind for kind, _ in sorted(profile.kinds.items()))
    share = f"{profile.kinds.total() / rows:.1%}"
    shown = profile.values if examples == "values" else profile.shapes
    return share, kinds, one_line(" | ".join(shown), 60)


def _show(proposal: Proposal, out: Output) -> None:
    out.title(counted(len(proposal.new), "new field"))
    given = proposal.assignments.fields
    out.table("+", [(one_line(s), given[s].field, type_name(given[s].definition)) for s in proposal.new])
    out.table(
        "!", [(one_line(source), f"stays {text}") for source, text in sorted(proposal.differing.items())]
    )
    if proposal.nameless:
        several = proposal.nameless != 1
        out.print_status(
            "!",
            "",
            f"{counted(proposal.nameless, 'property')} {'have' if several else 'has'} a name that a mapping cannot "
            f"contain; {'they stay' if several else 'it stays'} unmapped",
        )


def _to_json(
    discovery: Discovery,
    proposal: Proposal,
    mapped: Collection[str],
    written: Sequence[Path],
    *,
    show_values: bool,
) -> dict[str, object]:
    given = proposal.assignments.fields
    properties = {
        name: {
            "events": profile.kinds.total(),
            "types": sorted(profile.kinds),
            "mapped": name in mapped,
            **({"values": list(profile.values)} if show_values else {"shapes": list(profile.shapes)}),
        }
        for name, profile in sorted(discovery.properties.items())
    }
    new = [
        {"source": s, "field": given[s].field, "type": type_name(given[s].definition)} for s in proposal.new
    ]
    return {
        "events": discovery.rows,
        "unreadable_lines": discovery.unreadable,
        "properties": properties,
        "new_fields": new,
        "differing": dict(proposal.differing),
        "nameless": proposal.nameless,
        "written": [f"{path.parent.name}/{path.name}" for path in written],
    }


def _names_path(project: Project) -> Path:
    return field_names.NAMES / f"{project.pipeline.name}.json"


def _write(project: Project, proposal: Proposal, rows: Sequence[JsonMapping]) -> list[Path]:
    """Write the assigned names, the field group and the mapping; return the paths of the files.

    The names are written first, so that an assigned field stays assigned even if a later write fails.

    Raises:
        ConfigError: the pipeline has no field group file, or its mapping is not a JSON file.
    """
    pipeline = project.pipeline
    if pipeline.aep.field_group is None:
        raise ConfigError(
            f"Pipeline {pipeline.name} has no field group file.",
            "Set aep.field_group in the pipeline file to the name of a field group file.",
        )
    if not pipeline.mapping.endswith(".json"):
        raise ConfigError(
            f"discover writes mappings as JSON, but pipeline {pipeline.name} uses {pipeline.mapping}.",
            "Copy its mappings to a .json file in include/pipelines/mappings and set mapping to that file.",
        )
    group = plans.read_field_group(pipeline.aep.field_group)
    names, mapping = _names_path(project), mapping_file.MAPPINGS / pipeline.mapping
    fields = plans.FIELD_GROUPS / pipeline.aep.field_group
    names.parent.mkdir(exist_ok=True)
    names.write_bytes(proposal.assignments.to_json())
    fields.write_text(json.dumps(proposal.field_group(group), indent=2) + "\n", encoding="utf-8")
    mapping.write_text(_with_rows(mapping, proposal, rows), encoding="utf-8")
    return [names, fields, mapping]


def _with_rows(path: Path, proposal: Proposal, rows: Sequence[JsonMapping]) -> str:
    """Return the new text of the mapping file: the proposed rows are added at its end, one mapping per line.

    ``rows``: the existing rows.
    """
    data = json.loads(path.read_text(encoding="utf-8-sig"))
    existing = {row["source"] for row in rows}
    listed = data["mappings"] if isinstance(data, dict) else data
    listed += [row for row in proposal.rows() if row["source"] not in existing]
    if isinstance(data, list) or set(data) != {"mappings"}:
        return json.dumps(data, indent=2) + "\n"
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in listed)
    return f'{{\n  "mappings": [\n{lines}\n  ]\n}}\n'
