"""Run one step of a day: return the existing output for its inputs, or compute the output and publish its manifest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from include.json_types import JsonMapping
from include.lake.manifest import Delta, LakeFile, Manifest, StepName, delta_fields
from include.steps.workspace import Output, Workspace


@dataclass(frozen=True)
class Made:
    """The result of a step, from which ``run_step`` writes the manifest.

    ``files`` are already in the lake. ``delta`` is set if the files contain only the differences from an earlier output
    (the base); None if they contain all rows.
    """

    files: tuple[LakeFile, ...]
    counts: Mapping[str, int]
    details: JsonMapping
    delta: Delta | None = None


class Step(ABC):
    """One step (transform, validate or stage, or the validation of a shard) of one partition, ready for ``run_step``.

    Subclasses are frozen dataclasses that only compute: ``run_step`` finds and publishes outputs. Only the inputs
    distinguish the outputs of a partition, so a step that processes a part of a day has to name the part in its inputs.
    """

    name: ClassVar[StepName]
    workspace: Workspace

    @abstractmethod
    def inputs(self) -> dict[str, str]:
        """Return all values that determine the output, by name; the digest of the output is computed from them.

        Raises:
            PipelineError: the step must not process its input.
        """

    def base_inputs(self) -> dict[str, str] | None:
        """Return the inputs of an earlier output that ``run_delta`` can start from; None if the lake has no such output."""
        return None

    def existing(self) -> Manifest | None:
        """Return an output that was made from other inputs and can be used unchanged; None if none exists."""
        return None

    @abstractmethod
    def run(self, digest: str, scratch: Path) -> Made:
        """Make the output from all rows.

        ``digest`` names the output's folder in the lake; ``scratch`` is an empty folder on the local disk.
        """

    def run_delta(self, base: Manifest, digest: str, scratch: Path) -> Made | None:  # noqa: ARG002
        """Make the output by applying the changed rows to ``base``, an earlier output whose files are in the lake.

        Return None if the output cannot be derived from the base; ``run`` then makes it from all rows.
        """
        return None


def run_step(step: Step, *, with_files: bool = False) -> Manifest:
    """Return the output of a step: the one that exists for the same inputs, or a new one.

    An output that contains differences from a base and an output that contains all rows have different digests; both
    are searched for. ``with_files``: ignore an output whose files were removed from the lake.

    Raises:
        PipelineError: any error that ``step`` raises.
        FilesRemoved: a person's data was removed from the lake while the step ran.
        Conflict: an earlier run made different content from the same inputs.
    """
    if not with_files and (existing := step.existing()) is not None:
        return existing
    workspace, inputs = step.workspace, step.inputs()
    whole = workspace.find_output(step.name, inputs, with_files=with_files)
    if whole.manifest is not None:
        return whole.manifest
    if (base := _find_base(step)) is not None:
        delta = workspace.find_output(step.name, {**inputs, "base": base.digest}, with_files=with_files)
        if delta.manifest is not None:
            return delta.manifest
        if workspace.has_files(base):
            with workspace.scratch() as scratch:
                difference = step.run_delta(base, delta.digest, scratch)
            if difference is not None:
                return _publish(step, delta, difference)
    with workspace.scratch() as scratch:
        made = step.run(whole.digest, scratch)
    return _publish(step, whole, made)


def _find_base(step: Step) -> Manifest | None:
    """Return the earlier output that ``run_delta`` can start from, or None; its files may have been removed."""
    inputs = step.base_inputs()
    return step.workspace.find_output(step.name, inputs).manifest if inputs is not None else None


def _publish(step: Step, output: Output, made: Made) -> Manifest:
    details = dict(made.details)
    return step.workspace.publish(
        step=step.name,
        digest=output.digest,
        inputs=output.inputs,
        files=made.files,
        counts=dict(made.counts),
        **(delta_fields(made.delta, details) if made.delta is not None else {"details": details}),
    )
