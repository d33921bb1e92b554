"""The skeleton of a step, with a step that does hardly anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from include.lake.lake import Lake
from include.lake.manifest import Delta, Manifest, digest_of, upload_file
from include.lake.manifests import manifests_of
from include.lake.records import create_record
from include.steps.step import Made, Step, run_step
from include.steps.workspace import Workspace
from tests.support.builders import workspace

pytestmark = pytest.mark.unit


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return workspace(Lake(f"file://{tmp_path}/lake"))


@dataclass(frozen=True)
class Copy(Step):
    """Writes ``text``. ``part``: of a day that is divided; ``base``: a text that it may build on."""

    name = "transform"
    workspace: Workspace
    text: str
    part: str = ""
    base: str = ""
    done: Manifest | None = None
    is_decided: bool = True

    def inputs(self) -> dict[str, str]:
        return {"text": self.text, **({"part": self.part} if self.part else {})}

    def base_inputs(self) -> dict[str, str] | None:
        return {"text": self.base} if self.base else None

    def existing(self) -> Manifest | None:
        return self.done

    def run(self, digest: str, scratch: Path) -> Made:
        assert list(scratch.iterdir()) in ([], [scratch / ".owner"])
        path = scratch / "rows"
        path.write_text(self.text)
        key = f"{self.workspace.partition.output('transform', digest)}/part-00000.parquet"
        return Made((upload_file(self.workspace.lake, key, path, 1),), {"mapped": 1}, {"of": self.text})

    def run_delta(self, base: Manifest, digest: str, scratch: Path) -> Made | None:
        (scratch / "rows").write_text("left by the attempt")
        return Made((), {"mapped": 2}, {}, Delta(base=base.digest, rows=2)) if self.is_decided else None


def remove(place: Workspace, manifest: Manifest) -> None:
    key = place.partition.removal(manifest.step, manifest.digest)
    assert create_record(place.lake, key, b'{"at": "2026-07-03T00:00:00+00:00"}')


def test_the_inputs_are_the_digest_and_are_found_again(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run_step(Copy(place, "a"))
    assert (made.digest, made.inputs) == (digest_of({"text": "a"}), {"text": "a"})
    assert (made.counts, made.details, made.rows) == ({"mapped": 1}, {"of": "a"}, 1)
    monkeypatch.setattr(Copy, "run", lambda *_: pytest.fail("it worked again"))
    assert run_step(Copy(place, "a")) == made


def test_removed_files_count_unless_they_are_read(place: Workspace) -> None:
    made = run_step(Copy(place, "a"))
    remove(place, made)
    assert run_step(Copy(place, "a")) == made
    again = run_step(Copy(place, "a"), with_files=True)
    assert again.inputs == {"text": "a", "generation": "2"}
    assert run_step(Copy(place, "a"), with_files=True) == again


def test_an_output_of_other_inputs_may_serve(place: Workspace) -> None:
    other = run_step(Copy(place, "other"))
    assert run_step(Copy(place, "a", done=other)) == other
    assert run_step(Copy(place, "a", done=other), with_files=True) != other


def test_a_delta_builds_on_the_base(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    base = run_step(Copy(place, "a"))
    delta = run_step(Copy(place, "b", base="a"))
    assert (delta.delta, delta.rows) == (Delta(base=base.digest, rows=2), 2)
    assert delta.inputs == {"text": "b", "base": base.digest}
    monkeypatch.setattr(Copy, "run_delta", lambda *_: pytest.fail("it worked again"))
    assert run_step(Copy(place, "b", base="a")) == delta


@pytest.mark.parametrize("trouble", ["no base", "no files", "undecided"])
def test_without_a_usable_base_the_whole_is_made(place: Workspace, trouble: str) -> None:
    if trouble != "no base":
        base = run_step(Copy(place, "a"))
        if trouble == "no files":
            remove(place, base)
    made = run_step(Copy(place, "b", base="a", is_decided=trouble != "undecided"))
    assert (made.delta, made.inputs) == (None, {"text": "b"})
    assert run_step(Copy(place, "b")) == made, "also for a caller that knows no base"


def test_parts_of_a_day_are_outputs_of_their_own(place: Workspace) -> None:
    """A divided step names its part among the inputs; nothing else of the skeleton knows of parts."""
    parts = [run_step(Copy(place, "a", part=f"{number}/3")) for number in range(3)]
    assert len({part.digest for part in parts}) == 3
    assert [run_step(Copy(place, "a", part=f"{number}/3")) for number in range(3)] == parts
    assert sorted(each.digest for each in manifests_of(place.lake, place.partition, "transform")) == sorted(
        part.digest for part in parts
    )
