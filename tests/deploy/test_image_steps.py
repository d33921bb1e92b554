"""The Dockerfile's own commands, in a clean virtual environment in place of a runtime image."""

from __future__ import annotations

import os
import re
import subprocess
import venv
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
_RUNTIME_USER = 65534
_LONGEST_SECONDS = 1500


@pytest.mark.skipif(
    not os.environ.get("IMAGE_STEPS"), reason="minutes of downloads: make test-distributed runs it"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_steps_of_the_dockerfile_make_an_image_that_runs_and_cannot_be_changed() -> None:
    with TemporaryDirectory() as folder:  # pytest's folders are closed to other users
        Path(folder).chmod(0o755)
        _build_and_try(Path(folder))


def _build_and_try(folder: Path) -> None:
    home, image = folder / "airflow", folder / "python"
    venv.create(image, with_pip=True)
    home.mkdir()
    installs, root_owned = _commands()
    _copy(home, "requirements.txt", "requirements-build.txt")
    _run(installs[0], home, image)
    _copy(home, *_files_of_the_image())
    assert not (home / "tests").exists()
    _run(installs[1], home, image)
    for path in [home, *home.rglob("*")]:  # as the copy of a runtime image leaves it
        os.chown(path, _RUNTIME_USER, 0, follow_symlinks=False)
    _run(root_owned.replace("chown astro:0", f"chown {_RUNTIME_USER}:0"), home, image)
    built = subprocess.run(
        [image / "bin/pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    pinned = re.findall(
        r"^([a-z0-9.-]+)(?:\[.*\])?==([^ ]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    installed = {line.lower().replace("_", "-") for line in built.stdout.splitlines()}
    assert len({f"{name}=={version}" for name, version in pinned} & installed) > 100
    _run("cat include/errors.py dags/*.py && touch own.cfg logs/new.log", home, image, user=_RUNTIME_USER)
    for command in ("echo x > include/errors.py", "rm -rf dags", "mv plugins gone", "touch include/new.py"):
        with pytest.raises(AssertionError, match=r"denied|not permitted"):
            _run(command, home, image, user=_RUNTIME_USER)
    # As root: the interpreter of this machine may be closed to other users.
    assert "mixpanel" in _run("airflow providers list --output plain", home, image)
    imported = _run('python -c "import include, mixpanel_aep; print(include.__file__)"', home, image)
    assert str(home) in imported


def test_the_dockerfile_installs_only_wheels_of_the_locks() -> None:
    installs, _ = _commands()
    for command in re.findall(r"pip install [^&]*", " ".join(installs)):
        locked = {"--require-hashes", "--only-binary :all:"}
        unconnected = {"--no-index", "--no-deps", "--no-build-isolation"}
        assert all(word in command for word in locked) or all(word in command for word in unconnected), (
            command
        )


def _commands() -> tuple[list[str], str]:
    """Return the commands that install, and the one that gives the code to root."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    commands = [
        found.replace("\\\n", " ") for found in re.findall(r"^RUN ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    ]
    installs, root_owned = commands[:-1], commands[-1]
    assert len(installs) == 2
    assert "chown -h root:0" in root_owned
    return installs, root_owned


def _files_of_the_image() -> list[str]:
    """Return the tracked files without those of ``.dockerignore``."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    ignored = [line for line in (ROOT / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
    return [
        name
        for name in listed.stdout.splitlines()
        if not any(fnmatch(name, rule) or name.startswith(f"{rule}/") for rule in ignored)
    ]


def _copy(home: Path, *names: str) -> None:
    for name in names:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes((ROOT / name).read_bytes())


def _run(command: str, home: Path, image: Path, user: int | None = None) -> str:
    """Run a command with the environment of the image; raises AssertionError with the end of its output."""
    environment = {
        "PATH": f"{image}/bin:/usr/local/bin:/usr/bin:/bin", "AIRFLOW_HOME": str(home),
        "HOME": os.environ.get("HOME", "/root") if user is None else str(home),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTP", "http", "SSL", "REQUESTS"))},
    }  # fmt: skip
    as_user = user is not None
    done = subprocess.run(
        ["/bin/bash", "-ec", command], cwd=home, env=environment, capture_output=True, text=True, check=False,
        timeout=_LONGEST_SECONDS, user=user, group=0 if as_user else None, extra_groups=[] if as_user else None,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-1500:]
    return done.stdout
