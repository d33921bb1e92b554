"""Reads and validates pipeline files; an error names the file, the line and, for an unknown key, the nearest one."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from include.config.model import Pipeline
from include.errors import ConfigError

PIPELINES = Path(__file__).parents[1] / "pipelines"
_LIMIT_BYTES = 256 * 1024
_Lines = dict[tuple[str | int, ...], int]

_MESSAGES = {
    "tuple_type": "write a list such as [first, second]",
    "model_type": "write a section with keys",
    "dict_type": "write a section with keys",
    "too_short": "write at least one entry",
    "string_too_short": "write a text that is not empty",
}
"""Messages for types of pydantic's errors, in terms of YAML; pydantic's own messages are in terms of Python."""


class _Loader(yaml.SafeLoader):
    """A YAML loader that reads dates as text; pydantic parses them, because PyYAML's errors for dates have no line."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def pipelines_folder() -> Path:
    """Return the folder of the pipeline files: that of ``MIXPANEL_AEP_PIPELINES``, by default ``include/pipelines``."""
    return Path(os.environ.get("MIXPANEL_AEP_PIPELINES", PIPELINES))


def pipeline_names(folder: Path | None = None) -> list[str]:
    """Return the names of all pipelines that have a file in a folder, sorted; the files may be invalid.

    ``folder``: by default ``pipelines_folder()``.
    """
    return sorted(path.stem for path in (folder or pipelines_folder()).glob("*.yaml"))


def known_pipeline_names(pipeline: Pipeline) -> frozenset[str]:
    """Return the names of all pipelines that have a file in the folder of ``pipeline`` or in ``pipelines_folder()``.

    Both folders count, because the file of ``pipeline`` may be a copy of one that Airflow reads from the other folder.
    The name of ``pipeline`` is included.
    """
    in_its_folder = pipeline_names(pipeline.folder) if pipeline.folder is not None else []
    return frozenset({*in_its_folder, *pipeline_names()})


def load_pipelines(folder: Path | None = None) -> list[Pipeline]:
    """Return all pipelines of a folder, sorted by name. ``folder``: by default ``pipelines_folder()``.

    Raises:
        ConfigError: a file is invalid, or two pipelines conflict; the message contains every such error.
    """
    pipelines, faults = load_readable_pipelines(folder)
    if faults:
        raise ConfigError(" ".join(map(str, faults)))
    return pipelines


def load_readable_pipelines(
    folder: Path | None = None, except_name: str | None = None
) -> tuple[list[Pipeline], list[ConfigError]]:
    """Return the pipelines of all valid files of a folder, sorted by name, and an error for each other file.

    A pipeline that conflicts with one before it is reported as an error as well.

    Args:
        folder: by default ``pipelines_folder()``.
        except_name: the name of a pipeline whose file is not read.
    """
    folder = folder or pipelines_folder()
    pipelines: list[Pipeline] = []
    faults: list[ConfigError] = []
    for path in sorted(folder.glob("*.yaml")):
        if path.stem == except_name:
            continue
        try:
            pipeline = load_pipeline(path)
            for other in pipelines:
                require_no_conflict(other, pipeline)
            pipelines.append(pipeline)
        except ConfigError as fault:
            faults.append(fault)
    return pipelines, faults


def require_no_conflict(one: Pipeline, other: Pipeline) -> None:
    """Check that two pipelines do not conflict.

    Raises:
        ConfigError: the pipelines write to the same dataset, or their DAGs would have the same ids.
    """
    if (one.aep.conn_id, one.aep.dataset) == (other.aep.conn_id, other.aep.dataset):
        raise ConfigError(
            f"Pipelines {one.name}.yaml and {other.name}.yaml both write to dataset "
            f"{one.aep.dataset!r} of connection {one.aep.conn_id!r}.",
            "Give each pipeline its own dataset.",
        )
    if one.dag_id == other.dag_id:
        raise ConfigError(
            f"Pipelines {one.name}.yaml and {other.name}.yaml have names that differ only in - and _.",
            "Their DAGs would have the same id. Rename one of the files.",
        )


def load_pipeline(path: Path) -> Pipeline:
    """Read and validate a pipeline file. The pipeline's name is the name of the file without ``.yaml``.

    Raises:
        ConfigError: the file is missing, too large or invalid; the message names the line and says what to write.
    """
    if not path.is_file():
        raise ConfigError(
            f"{path.name} is not a file.", "Only pipeline files may end with .yaml in this folder."
        )
    if path.stat().st_size > _LIMIT_BYTES:
        raise ConfigError(
            f"{path.name} is larger than {_LIMIT_BYTES} bytes, the maximum.",
            "Check that it is a pipeline file.",
        )
    data, lines = _read_yaml(path)
    try:
        return Pipeline.model_validate({"name": path.stem, **data}).with_folder(path.parent)
    except ValidationError as error:
        faults = _causes(error.errors())
        sentences = "; ".join(_error_text(path, lines, fault) for fault in faults)
        raise ConfigError(sentences if sentences.endswith("?") else f"{sentences}.") from None


def _read_yaml(path: Path) -> tuple[dict[str, object], _Lines]:
    """Return the content of a YAML file, and the line number of each key and list entry.

    The keys of the line numbers are paths, such as ``("airflow", "tasks")``.

    Raises:
        ConfigError: the file is not YAML, or contains an alias, a duplicate key, the key ``name``, or no keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # Aliases are refused: a short file with aliases can expand to gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise ConfigError(
                f"{path.name} uses a YAML alias (*name).", "Write the value itself in place of the alias."
            )
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a text that is not UTF-8 is a ValueError
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise ConfigError(
            f"{where} cannot be read: {problem}.", "Check the indentation and the colons."
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path.name} contains no keys.", "Copy include/pipelines/shop.yaml and adapt it.")
    if "name" in data:
        raise ConfigError(
            f"{path.name} has the key 'name', but the file name is the pipeline's name.",
            "Remove the key 'name'.",
        )
    lines: _Lines = {}
    _collect_lines(path, node, (), lines)
    return data, lines


def _collect_lines(path: Path, node: yaml.Node | None, at: tuple[str | int, ...], lines: _Lines) -> None:
    """Write the line number of each key and list entry of ``node``, which has the path ``at``, into ``lines``.

    Raises:
        ConfigError: a key is duplicate.
    """
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*at, key.value)
            if here in lines:
                raise ConfigError(
                    f"{path.name}:{key.start_mark.line + 1} has the duplicate key {key.value!r}."
                )
            lines[here] = key.start_mark.line + 1
            _collect_lines(path, value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            lines[*at, number] = value.start_mark.line + 1
            _collect_lines(path, value, (*at, number), lines)


def _causes(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the errors without those of pydantic that a list is too short, if one of its entries is invalid."""
    places = [tuple(fault["loc"]) for fault in faults]
    return [
        fault
        for fault, at in zip(faults, places, strict=True)
        if fault["type"] != "too_short" or not any(other != at and other[: len(at)] == at for other in places)
    ]


def _error_text(path: Path, lines: _Lines, fault: ErrorDetails) -> str:
    """Return the sentence for one error of pydantic, with the file name, the line and the key."""
    at = tuple(fault["loc"])
    line = next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), 1)
    where, key = f"{path.name}:{line}", ".".join(map(str, at))
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(str(at[-1]), _known_keys(at[:-1]), n=1, cutoff=0.4)
        return f"{where} has an unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if fault["type"] == "missing":
        return f"{where} is missing the key {key!r}"
    if at[-1:] == ("[key]",):
        return f"{where} has an unknown key {key.removesuffix('.[key]')!r}; the valid keys are {fault['ctx']['expected']}"
    remedy = _MESSAGES.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return f"{where} {key}: {remedy}" if key else f"{where}: {remedy}"


def _known_keys(at: tuple[str | int, ...]) -> list[str]:
    """Return the valid keys of the section with the path ``at`` in a pipeline file; empty if it is not a section."""
    model: type[BaseModel] = Pipeline
    parts = iter(at)
    for part in parts:
        annotation: object = model.model_fields[str(part)].annotation
        if get_origin(annotation) is UnionType:  # an optional section
            annotation = get_args(annotation)[0]
        if get_origin(annotation) is dict:  # sections by a customer-defined name
            next(parts, None)
            value = get_args(annotation)[1]
            annotation = value if isinstance(value, type) else next(iter(get_args(value)), None)
        if get_origin(annotation) is tuple:  # a list of sections
            next(parts, None)
            annotation = get_args(annotation)[0]
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return [field.alias or name for name, field in model.model_fields.items() if name != "name"]
