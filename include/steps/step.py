"""The skeleton of a step: inputs, digest, existing output, base, scratch folder, work, manifest."""

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
    """The output of a step, for its manifest. ``files`` are in the lake; ``delta`` is their relation to a base output."""

    files: tuple[LakeFile, ...]
    counts: Mapping[str, int]
    details: JsonMapping
    delta: Delta | None = None


class Step(ABC):
    """One step of one partition, with its inputs; ``run_step`` runs it.

    Subclasses are frozen dataclasses that only compute: ``run_step`` finds and publishes outputs. Only the inputs
    distinguish the outputs of a partition, so a step that makes a part of a day has to name the part among its inputs.
    """

    name: ClassVar[StepName]
    workspace: Workspace

    @abstractmethod
    def inputs(self) -> dict[str, str]:
        """Return everything that determines the output, by name: its digest is that of the inputs.

        Raises:
            PipelineError: the step must not work on what it reads.
        """

    def base_inputs(self) -> dict[str, str] | None:
        """Return the inputs of the output that a delta may build on; None without a base."""
        return None

    def existing(self) -> Manifest | None:
        """Return an output of other inputs that serves as well; None without such an output."""
        return None

    @abstractmethod
    def run(self, digest: str, scratch: Path) -> Made:
        """Make the whole output. ``digest`` names its folder; ``scratch`` is an empty folder on local disk."""

    def run_delta(self, base: Manifest, digest: str, scratch: Path) -> Made | None:  # noqa: ARG002
        """Make the output from ``base``, whose files are in the lake; None if the base does not decide the output."""
        return None


def run_step(step: Step, *, with_files: bool = False) -> Manifest:
    """Return the output of a step: the one that exists for the same inputs, or a new one.

    An output that can build on the output of a base, and one that is made from all rows, have different digests; either
    is found. ``with_files``: an output whose files were removed from the lake does not count.

    Raises:
        PipelineError: the errors of ``step``.
        FilesRemoved: a person was forgotten while the step ran.
        Conflict: an earlier run made other content from the same inputs.
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
    """Return the output that a delta may build on; its files may have been removed."""
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
