"""Remove the rows of forgotten people from one day: publish files without these rows, then remove the old files."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from include.clock import Clock
from include.errors import Conflict
from include.failpoint import failpoint
from include.lake.lake import LakeObject
from include.lake.manifest import Manifest, digest_of, publish, upload_file
from include.lake.records import create_record
from include.lake.suppression import record_forgotten_ids
from include.mixpanel.raw_file import write_lines
from include.steps.export.export_delta import read_day
from include.steps.export.stored_exports import latest_export
from include.steps.export.suppress import EventIds
from include.steps.forget.quarantine import QuarantineMatcher, rewrite_quarantine, stored_lines
from include.steps.forget.search import STEPS_AFTER_EXPORT, FoundDay
from include.steps.history.day_states import progress_of
from include.steps.retention.contents import ContentsReader, DayContents, StoredOutput, list_days
from include.steps.rewritten import INSTEAD_OF
from include.steps.workspace import FORGOTTEN, Workspace
from include.xdm.events.person_ids import PersonMatcher

VERSION = 1


@dataclass
class DayForgetter:
    """Removes the rows of forgotten people from one day. It can be interrupted at any point and repeated.

    ``found``: the files with their rows. ``matcher``, ``quarantine``: decide which lines and records belong to them.
    """

    found: FoundDay
    reader: ContentsReader
    project_id: int
    matcher: PersonMatcher
    quarantine: QuarantineMatcher
    clock: Clock
    removed: Counter[str] = field(default_factory=Counter)
    """The number of removed objects by kind: ``files``, ``quarantine`` and ``reports``."""

    @property
    def workspace(self) -> Workspace:
        """The workspace of the day, with which the functions of the steps read it."""
        stored = self.found.stored
        return Workspace(stored.lake, stored.pipeline, stored.partition, self.clock)

    def require_not_loading(self) -> None:
        """Check that no other run is loading the day.

        Raises:
            Conflict: a run is loading it, or was interrupted; the message names the run.
        """
        stored = self.found.stored
        for records in self.reader.read(stored.day, stored.listing).ledgers:
            if progress_of(list(records)) == "waiting":
                raise Conflict(
                    f"Run {records[-1].run} is loading partition {stored.day} of pipeline {stored.pipeline.name}, or was "
                    "interrupted while loading it.",
                    "Wait until it has ended, or run the day again. Then run this command again. Days that are finished stay "
                    "finished.",
                )

    def forget(self) -> Counter[str]:
        """Remove the people's rows from the day; return the number of removed objects by kind."""
        self.require_not_loading()
        with self.workspace.scratch() as scratch:
            self._record_ids(scratch)
            to_remove = self._exports_to_remove()
            for export in self._exports_to_rewrite(to_remove):
                self._rewrite(export, scratch)
            for key in self.found.quarantine:
                rewrite_quarantine(
                    self.workspace.lake, self.workspace.partition, key, self.quarantine, scratch
                )
        # Twice: a step that started before the removal of the exports was recorded may have published its output in
        # between. A step that publishes later finds that its input is removed (``Workspace.publish``).
        for _ in range(2):
            contents = self._contents()
            self._record_removal(
                each for each in contents.outputs if each.step in STEPS_AFTER_EXPORT and each.files
            )
            self._record_removal(
                each for each in contents.outputs if each.digest in to_remove and each.step == "export"
            )
        self._remove_files(contents, to_remove)
        return self.removed

    def _record_ids(self, scratch: Path) -> None:
        """Store the ``_id``s of the people's events in the lake, because AEP may still have their rows."""
        workspace = self.workspace
        ids_of, ids = EventIds.of(workspace, self.project_id), set[str]()
        for key in self.found.raw:
            for line in stored_lines(workspace.lake, key, scratch):
                if self.matcher.matches(line):
                    ids |= ids_of(line)
        record_forgotten_ids(workspace.lake, self.project_id, workspace.partition.day, ids)

    def _exports_to_remove(self) -> set[str]:
        """Return the digests of the exports that contain rows of the people, and of deltas that are based on them."""
        outputs = [each for each in self._contents().outputs if each.step == "export"]
        found = {each.digest for each in outputs if any(file.key in self.found.raw for file in each.files)}
        based = {
            each.digest
            for each in outputs
            if each.manifest and each.manifest.delta and each.manifest.delta.base in found
        }
        return found | based

    def _exports_to_rewrite(self, to_remove: set[str]) -> list[Manifest]:
        """Return one export for each request: the one that a run would use.

        The others are superseded and are not read any more. ``to_remove``: the digests of the exports to choose from.
        """
        by_request: defaultdict[str, list[Manifest]] = defaultdict(list)
        for each in self._contents().outputs:
            export = each.manifest if each.step == "export" and each.digest in to_remove else None
            if export is not None and self.workspace.has_files(export):
                by_request[export.inputs["request"]].append(export)
        chosen = []
        for request, exports in by_request.items():
            latest = latest_export(self.workspace, {request})
            is_known = latest is not None and latest.digest in {each.digest for each in exports}
            newest = max(exports, key=lambda each: (each.created_at, each.digest))
            chosen.append(latest if latest is not None and is_known else newest)
        return chosen

    def _rewrite(self, export: Manifest, scratch: Path) -> None:
        """Publish a copy of an export without the people's lines.

        The copy has the same time, so that a mapping that depends on it gives the same rows.
        """
        workspace, folder = self.workspace, scratch / f"of-{export.digest}"
        folder.mkdir()
        lines = (line for line in read_day(workspace, export, folder) if not self.matcher.matches(line))
        raw = write_lines(folder / "kept.jsonl.gz", lines)
        suppressed = export.counts.get("suppressed", 0) + export.rows - raw.rows
        named = {"export": FORGOTTEN, INSTEAD_OF: export.digest, "sha256": raw.sha256}
        digest = digest_of(named)
        key = f"{workspace.partition.output('export', digest)}/events-{raw.sha256[:16]}.jsonl.gz"
        kept = {name: value for name, value in export.details.items() if name not in ("delta", "lines")}
        manifest = Manifest(
            step="export",
            pipeline=export.pipeline,
            partition=export.partition,
            digest=digest,
            inputs=export.inputs,
            files=(upload_file(workspace.lake, key, raw.path, raw.rows, sha256=raw.sha256),),
            counts={**raw.counts, **({"suppressed": suppressed} if suppressed else {})},
            details={**kept, INSTEAD_OF: export.digest},
            created_at=export.created_at,
        )
        publish(workspace.lake, workspace.partition, manifest)

    def _record_removal(self, outputs: Iterable[StoredOutput]) -> None:
        """Record that the files of outputs will be removed; later steps create them from the rewritten exports."""
        at = self.clock.now().isoformat(timespec="seconds")
        for output in outputs:
            if output.removed_at is not None or output.manifest is None:
                continue
            record = {"version": VERSION, "at": at, "setting": FORGOTTEN}
            body = {**record, "files": len(output.files), "bytes": output.bytes}
            key = self.workspace.partition.removal(output.step, output.digest)
            create_record(self.workspace.lake, key, json.dumps(body).encode())
            failpoint("forget.end.after")

    def _remove_files(self, contents: DayContents, to_remove: set[str]) -> None:
        """Remove all files that contained rows of the people, exports last.

        After an interruption, the remaining exports show which days have to be processed again.
        """
        for step in STEPS_AFTER_EXPORT:
            self._remove(
                "files", (file for each in contents.outputs if each.step == step for file in each.files)
            )
        listing = self.found.stored.listing
        self._remove("quarantine", (each for each in listing.quarantine if each.key in self.found.quarantine))
        self._remove("reports", self.found.reports)
        self._remove(
            "files",
            (
                file
                for each in contents.outputs
                if each.step == "export"
                for file in each.files
                if file.key in self.found.raw or each.digest in to_remove
            ),
        )

    def _remove(self, kind: str, objects: Iterable[LakeObject]) -> None:
        for each in objects:
            failpoint("forget.remove.before")
            self.workspace.lake.remove_object(each.key)
            self.removed[kind] += 1

    def _contents(self) -> DayContents:
        """Return what the lake contains of the day now."""
        stored = self.found.stored
        listing = list_days(stored.lake, stored.pipeline.name, stored.day).get(stored.day)
        return self.reader.read(stored.day, listing) if listing is not None else DayContents()
