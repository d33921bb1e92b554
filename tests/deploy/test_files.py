"""The files of ``deploy/`` are valid, refer only to what exists, and pin versions."""

from __future__ import annotations

import importlib.resources
import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from include.config.airflow import MAX_TIMEOUT_HOURS, TASKS
from tests.deploy.shipped import DEPLOY, FILES, IN_IMAGE, ROOT, load, services, text_of, values

pytestmark = pytest.mark.unit
COMPOSE = ["compose.yaml", "compose.sandbox.yaml"]
_PROVIDER_SECTIONS = ("celery", "celery_broker_transport_options", "kubernetes_executor")


def test_the_files_that_the_deployment_page_names_exist() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert [name for name in FILES if f"deploy/{name}" not in page] == []


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_match_the_compose_specification(name: str) -> None:
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    found = [str(error) for error in jsonschema_rs.validator_for(schema).iter_errors(load(name))]
    assert found == []


def test_a_service_that_another_waits_for_exists_and_has_a_health_check() -> None:
    all_services = services(*COMPOSE)
    for name, service in all_services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in all_services, name
            if condition["condition"] == "service_healthy":
                assert "healthcheck" in all_services[other], other
            else:
                assert all_services[other]["restart"] == "no", "a job ends, and is not started again"
    assert {name for name, service in all_services.items() if service["restart"] != "always"} == {
        "migrate", "buckets",
    }  # fmt: skip


def images() -> list[str]:
    found = [str(service["image"]) for service in services(*COMPOSE).values()]
    chart = values("values.yaml", "values-celery.yaml")
    found.append("{repository}:{tag}".format(**chart["images"]["airflow"]))
    return [
        *found,
        *re.findall(r"^ARG \w+=(\S+)$|^FROM ([^$\s]+)$", text_of("Dockerfile"), re.MULTILINE)[0][:1],
    ]


def test_every_image_has_a_version() -> None:
    for image in images():
        _, _, tag = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", image).rpartition(":")
        assert re.search(r"\d", tag), image
        assert "latest" not in tag


def test_the_image_has_the_airflow_that_the_lock_pins() -> None:
    lock = (ROOT / "requirements-cluster.txt").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^apache-airflow==(\S+)", lock, re.MULTILINE)
    assert f"apache/airflow:slim-{pinned}-python3." in text_of("Dockerfile")
    assert values("values.yaml")["airflowVersion"] == pinned


def airflow_settings() -> list[tuple[str, str, str]]:
    """Return (file, section, key) of every Airflow setting in a file, as a variable or in Helm's ``config``."""
    found = [
        (path.name, match[1].lower(), match[2].lower())
        for path in [*(DEPLOY / name for name in FILES), *sorted((ROOT / "docs").glob("*.md"))]
        for match in re.finditer(r"AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)", path.read_text(encoding="utf-8"))
    ]
    for name in ("values.yaml", "values-celery.yaml"):
        found += [(name, section, key) for section, keys in load(name)["config"].items() for key in keys]
    return sorted(set(found))


@pytest.mark.airflow
@pytest.mark.parametrize(("file", "section", "key"), airflow_settings())
def test_every_setting_exists_in_airflow(file: str, section: str, key: str) -> None:
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    if section in _PROVIDER_SECTIONS and find_spec("airflow.providers.celery") is None:
        pytest.skip(
            f"[{section}] is a provider's of requirements-cluster.txt: make test-distributed checks it"
        )
    ProvidersManager().initialize_providers_configuration()
    options = conf.configuration_description.get(section, {}).get("options", {})
    # This section is passed to the broker's client unchanged.
    assert key in options or section == "celery_broker_transport_options", f"[{section}] {key}"


def commands() -> list[list[str]]:
    """Return every command of a Python module in the files, as a list of words."""
    found: list[Any] = [
        service.get(part) for service in services(*COMPOSE).values() for part in ("entrypoint", "command")
    ]
    return [[str(word) for word in words] for words in found if words and "-m" in words]


def test_every_module_and_path_of_a_command_is_in_the_image() -> None:
    assert commands()
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for words in commands():
        assert find_spec(words[words.index("-m") + 1]) is not None
    for name in FILES:
        for path in re.findall(rf"{IN_IMAGE}/([\w./-]+)", text_of(name)):
            assert (ROOT / path).exists(), f"{name}: {path}"
            assert path.partition("/")[0] not in kept_out, f"{path} is not copied into the image"


def test_the_images_own_files_are_copied() -> None:
    kept_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [word for line in re.findall(r"^COPY (.*)$", text_of("Dockerfile"), re.MULTILINE)
              for word in shlex.split(line)[:-1] if not word.startswith("--")]  # fmt: skip
    for name in copied:
        assert (ROOT / name).exists()
        assert name not in kept_out


def test_the_runtime_user_cannot_write_code_in_the_image() -> None:
    lines = text_of("Dockerfile").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users[-1] == "airflow"
    assert "COPY --chown=root:0 . ." in lines
    assert lines.index("COPY --chown=root:0 . .") > lines.index("USER root")


def test_a_message_is_not_delivered_again_while_its_task_runs() -> None:
    longest_seconds = 3600 * MAX_TIMEOUT_HOURS
    assert longest_seconds >= 3600 * max(task.timeout_hours for task in TASKS.values())
    compose = services("compose.yaml")["worker"]["environment"]
    chart = values("values.yaml", "values-celery.yaml")["config"]["celery_broker_transport_options"]
    for seconds in (
        compose["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"],
        chart["visibility_timeout"],
    ):
        assert int(seconds) > longest_seconds


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".yaml")])
def test_no_secret_is_in_a_file(name: str) -> None:
    """Passwords of a compose file come from the environment, except the sandbox's invented ones."""
    for key, value in _leaves(yaml.safe_load(text_of(name))):
        if re.search(r"password|secret(?!Name|Key|s\b|_)|fernet|token", key, re.IGNORECASE) and isinstance(
            value, str
        ):
            assert value.startswith("${") or re.fullmatch(r"[a-z-]+", value), key


def _leaves(node: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        return [leaf for name, inner in node.items() for leaf in _leaves(inner, str(name))]
    if isinstance(node, list):
        return [leaf for inner in node for leaf in _leaves(inner, key)]
    return [(key, node)]


def test_every_secret_that_compose_needs_is_on_the_page() -> None:
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    for name in re.findall(r"\$\{([A-Z_]+):\?\}", text_of("compose.yaml")):
        assert f"{name}=" in page, name
    assert not Path(DEPLOY / ".env").exists() or ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8")
