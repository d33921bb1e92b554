"""Draws docs/images/flow.svg, the picture of the data flow; --check only reports whether it is up to date.

The tasks and their order come from the daily DAG, the folders of the lake from the code, the other DAGs from ``dags/``.
A task, a folder or a DAG without a caption below is an error, so the picture cannot omit one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from include.lake.keys import STEP_FOLDERS  # noqa: E402
from include.lake.manifest import STEPS  # noqa: E402

PICTURE = ROOT / "docs/images/flow.svg"
DAILY_DAG = "mixpanel_to_aep"
TASKS = {
    "export": "one day of raw|events, as received,|proven complete",
    "transform": "mapping to XDM,|deterministic _id,|duplicates removed",
    "validate": "every row against|the schema; writes|the quality report",
    "stage": "only the rows that|are not active|in AEP yet",
    "ingest": "one batch, polled|until AEP says that|it is active",
}
FILES = {"raw": "JSON Lines, gzip", "xdm": "Parquet", "valid": "Parquet", "staged": "Parquet or JSON"}
REJECTING = ("transform", "validate", "ingest")
"""The tasks that move events to quarantine; ingest those that AEP refuses."""
LAKE = "Lake: a folder or bucket.|Each task reads what|the task before wrote."
REJECTED = "events that were not sent or that AEP refused, each with its reason"
OTHER_DAGS = {
    "mixpanel_aep_setup": "creates schema|and dataset in AEP",
    "mixpanel_aep_reconcile": "daily: late events,|audit of every day",
    "mixpanel_aep_verify": "weekly: compares|_ids with AEP's data",
    "mixpanel_aep_day": "form that loads|one day again",
}
_STYLE = """
  svg { --paper: #ffffff; --ink: #1c2127; --soft: #57606a; --line: #8c959f; --lane: #f3f5f8; --box: #ffffff; --task: #dbe9ff; --bad: #ffe8d6; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #14171a; --ink: #e6e9ed; --soft: #a9b2bc; --line: #7d8590; --lane: #1d2227; --box: #262c33; --task: #1d3a63; --bad: #4d3220; }
  }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink); }
  .name { font-size: 15px; font-weight: 600; } .soft { fill: var(--soft); } .middle { text-anchor: middle; }
  .paper { fill: var(--paper); } .lane { fill: var(--lane); } .box { fill: var(--box); } .task { fill: var(--task); } .bad { fill: var(--bad); }
  .box, .task, .bad { stroke: var(--line); } path { fill: none; stroke: var(--ink); stroke-width: 1.5; marker-end: url(#tip); } #tip path { fill: var(--ink); stroke: none; }
"""
_WIDTH, _HEIGHT, _COLUMN, _BOX, _LEFT, _INDENT = 888, 550, 170, 152, 28, 24
_TASK_Y, _TASK_HEIGHT, _LAKE_Y, _LANE_WIDTH = 116, 92, 270, 856


def tasks_of_daily_dag() -> list[str]:
    """Return the task ids of the daily DAG in their order, from the line that chains them."""
    tree = ast.parse((ROOT / f"dags/{DAILY_DAG}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.BinOp):
            found = [name for name in ast.walk(node.value) if isinstance(name, ast.Name)]
            return [name.id for name in sorted(found, key=lambda name: name.col_offset)]
    raise SystemExit(f"dags/{DAILY_DAG}.py has no line that chains its tasks with >>.")


def other_dags() -> list[str]:
    """Return the names of the DAG files other than the daily one, in the order of their captions."""
    found = {path.stem for path in (ROOT / "dags").glob("*.py")} - {DAILY_DAG}
    _require_captions(found, OTHER_DAGS)
    return [name for name in OTHER_DAGS if name in found]


def picture() -> str:
    """Return the picture as SVG, for light and dark themes."""
    tasks = tasks_of_daily_dag()
    _require_captions(tasks, TASKS)
    _require_captions((STEP_FOLDERS[step] for step in STEPS), FILES)
    chain = ", ".join(tasks)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="title">',
        f'<title id="title">Mixpanel to AEP: the tasks {chain}, with their output in the lake</title>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker></defs>',
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
        *_lane(_TASK_Y - 34, 140, "Airflow: one run of the daily DAG for each day"),
        *_lane(_LAKE_Y - 34, 164, ""),
        *_lane(_LAKE_Y + 146, 118, "Other DAGs of a pipeline"),
        *_services(len(tasks)),
    ]
    for number, task in enumerate(tasks):
        parts += _box("task", number, _TASK_Y, _TASK_HEIGHT, task, TASKS[task])
    parts += [_arrow(_x(a) + _BOX, _TASK_Y + 46, _x(b), _TASK_Y + 46) for a, b in pairwise(range(len(tasks)))]
    parts += _lake(tasks)
    for number, name in enumerate(other_dags()):
        parts += _box("box", number, _LAKE_Y + 178, 72, name.removeprefix("mixpanel_aep_"), OTHER_DAGS[name])
    return "\n".join([*parts, "</svg>", ""])


def _require_captions(names: Iterable[str], captions: Mapping[str, str]) -> None:
    if missing := set(names) - captions.keys():
        raise SystemExit(f"scripts/flow_picture.py has no caption for {', '.join(sorted(missing))}.")


def _x(column: int) -> int:
    return _LEFT + column * _COLUMN


def _services(count: int) -> Iterator[str]:
    first, last = _x(0), _x(count - 1)
    for x, name in ((first, "Mixpanel"), (last, "Adobe AEP")):
        yield f'<rect class="box" x="{x}" y="16" width="{_BOX}" height="38" rx="6"/>'
        yield f'<text class="name middle" x="{x + _BOX / 2}" y="40">{name}</text>'
    yield _arrow(first + _BOX / 2, 54, first + _BOX / 2, _TASK_Y)
    yield _arrow(last + _BOX / 2, _TASK_Y, last + _BOX / 2, 54)


def _lane(y: float, height: float, title: str) -> Iterator[str]:
    yield f'<rect class="lane" x="16" y="{y}" width="{_LANE_WIDTH}" height="{height}" rx="8"/>'
    if title:
        yield f'<text class="soft" x="{_x(1)}" y="{y + 22}">{escape(title)}</text>'


def _lake(tasks: list[str]) -> Iterator[str]:
    top = _TASK_Y + _TASK_HEIGHT
    for number, line in enumerate(LAKE.split("|")):
        yield f'<text class="soft" x="{_x(0)}" y="{_LAKE_Y + 78 + 17 * number}">{line}</text>'
    for number, task in enumerate(tasks):
        folder = STEP_FOLDERS.get(task)
        caption = FILES[folder] if folder else "AEP's answers"
        yield from _box("box", number, _LAKE_Y, 48, f"{folder or 'ledger'}/", caption, indent=_INDENT)
        middle = _x(number) + (_BOX + _INDENT) / 2
        yield _arrow(middle, top, middle, _LAKE_Y)
    rejecting = [number for number, task in enumerate(tasks) if task in REJECTING]
    left, width = _x(rejecting[0]), _x(rejecting[-1]) + _BOX - _x(rejecting[0])
    yield f'<rect class="bad" x="{left}" y="{_LAKE_Y + 66}" width="{width}" height="52" rx="6"/>'
    yield f'<text class="name middle" x="{left + width / 2}" y="{_LAKE_Y + 87}">quarantine/</text>'
    yield f'<text class="soft middle" x="{left + width / 2}" y="{_LAKE_Y + 106}">{REJECTED}</text>'
    for number in rejecting:
        yield _arrow(_x(number) + _INDENT / 2, top, _x(number) + _INDENT / 2, _LAKE_Y + 66)


def _box(
    kind: str, column: int, y: float, height: float, name: str, caption: str, *, indent: float = 0
) -> Iterator[str]:
    x, width = _x(column) + indent, _BOX - indent
    yield f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
    yield f'<text class="name middle" x="{x + width / 2}" y="{y + 21}">{escape(name)}</text>'
    for number, line in enumerate(caption.split("|")):
        at = y + 40 + 17 * number
        yield f'<text class="soft middle" x="{x + width / 2}" y="{at}">{escape(line)}</text>'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}"/>'


def main(arguments: list[str]) -> int:
    """Write the picture, or check it with ``--check``; return the exit code."""
    after = picture()
    if arguments == ["--check"]:
        is_stale = not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != after
        if is_stale:
            sys.stderr.write("docs/images/flow.svg is out of date: run `make docs`.\n")
        return int(is_stale)
    PICTURE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
