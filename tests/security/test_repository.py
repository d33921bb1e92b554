"""The repository itself: no secret in it, no code that executes data, and locks with hashes."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from include.steps.duckdb_connection import open_duckdb
from tests.support import canaries

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
SECRETS = {
    "AWS access key": r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "Adobe client secret": r"\b[ps]8e-[A-Za-z0-9_-]{32,}",
    "JSON Web Token": r"\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}",
    "GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36}",
    "Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "signed URL": r"X-Amz-Signature=[0-9a-fA-F]{64}|[?&]sig=[A-Za-z0-9%+/]{40,}",
    "Azure key": r"AccountKey=[A-Za-z0-9+/=]{40,}",
}
IN_SETTINGS = r"\b[0-9a-fA-F]{32,}\b|(?<![A-Za-z0-9+/_.-])(?!AIRFLOW__[A-Z_]+\b)[A-Za-z0-9+/_-]{40,}={0,2}(?![A-Za-z0-9+/_.-])"
"""In a file that only configures, also whatever is as long and as random as a secret; names of Airflow's settings are long."""
SETTINGS = (
    "airflow_settings.yaml",
    "Dockerfile",
    "Makefile",
    ".ci/run",
    "deploy/*",
    "include/pipelines/*.yaml",
    "*.toml",
    ".env*",
)


def tracked() -> list[Path]:
    """Return the files of the repository; outside of one, such as in an archive, all that are not generated."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    names = [ROOT / name for name in listed.decode().split("\0") if name]
    made = {".venv", ".venv-cluster", ".git", ".run", "lake", "__pycache__", ".tools"}
    return names or [p for p in ROOT.rglob("*") if p.is_file() and not made & set(p.relative_to(ROOT).parts)]


def secrets_in(text: str, *, settings: bool = False) -> list[str]:
    """Return the kinds of secret that a text seems to contain."""
    found = [kind for kind, pattern in SECRETS.items() if re.search(pattern, text)]
    return found + (["a long random word"] if settings and re.search(IN_SETTINGS, text) else [])


def test_no_file_of_the_repository_contains_a_secret() -> None:
    settings = {path for pattern in SETTINGS for path in ROOT.glob(pattern)}
    assert len(settings) > 5
    found = {}
    for path in tracked():
        if path.is_file() and not path.name.startswith("requirements"):
            text = path.read_bytes().decode("utf-8", "replace")
            if kinds := secrets_in(text, settings=path in settings):
                found[str(path.relative_to(ROOT))] = kinds
    assert found == {}


PLANTED = {
    "AWS access key": canaries.AWS_KEY,
    "private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "Adobe client secret": "p8e-" + "Ab3_" * 8,
    "JSON Web Token": ".".join(["eyJ" + "hbGciOiJIUzI1NiJ9abcd", "eyJ" + "zdWIiOiIxMjM0NTY3ODkw", "x" * 30]),
    "GitHub token": "ghp_" + "a1" * 18,
    "Google key": "AIza" + "b" * 35,
    "Slack token": "xoxb" + "-1234567890",
    "signed URL": "X-Amz-Signature=" + "0f" * 32,
    "Azure key": "AccountKey=" + "Q" * 60,
}


@pytest.mark.parametrize("kind", SECRETS)
def test_the_scan_finds_known_secrets(kind: str) -> None:
    assert secrets_in(f"x = '{PLANTED[kind]}'") == [kind]


@pytest.mark.parametrize(
    "secret",
    [canaries.FERNET_KEY, canaries.AWS_SECRET, "0123456789abcdef" * 2, "A" * 40],
    ids=lambda s: s[:8],
)
def test_in_settings_any_long_random_text_is_found(secret: str) -> None:
    assert secrets_in(f"conn_password: {secret}\n", settings=True)
    assert secrets_in("conn_password: demo-secret-not-real-0000\n", settings=True) == []


def test_files_with_secrets_are_excluded_from_repository_and_image() -> None:
    assert {".env", "*.pem"} <= set((ROOT / ".gitignore").read_text().split())
    assert {".env", ".git", "airflow_settings.yaml", ".run"} <= set(
        (ROOT / ".dockerignore").read_text().split()
    )
    assert not [
        path.name for path in tracked() if path.name.startswith(".env") or path.suffix in (".pem", ".key")
    ]


def test_the_image_uses_hashed_locks_and_an_unprivileged_user() -> None:
    lines = [
        line.strip() for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    ]
    text = "\n".join(lines)
    installs = re.findall(r"pip install[^\n]*", text)
    assert len(installs) == 3
    for line in installs:
        from_registry = "--require-hashes" in line and "--only-binary :all:" in line
        assert from_registry or ("--no-index" in line and "--no-deps" in line), line
    assert not re.search(r"(?i)(?:ARG|ENV)\s+\S*(?:secret|token|password|key)", text)
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER astro"


def test_the_lock_excludes_known_vulnerabilities() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE))
    assert tuple(map(int, pins["great-expectations"].split("."))) >= (1, 18, 1)
    assert not {"aepp", "posthog"} & set(pins), "swallows errors; calls home"
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) >= len(pins)


def test_no_duckdb_installs_an_extension(tmp_path: Path) -> None:
    """Nor does it load one that is not part of it: an address in a query ends in an error, not in a download."""
    connects = [
        ast.unparse(call)
        for path in [*(ROOT / "include").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "duckdb.connect"
    ]
    assert connects
    assert all("'autoinstall_known_extensions': False" in call for call in connects)
    with open_duckdb(tmp_path) as db, pytest.raises(duckdb.Error, match="extension"):
        db.execute("SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')")


DANGEROUS_CALLS = {"eval", "exec", "compile", "__import__"}
DANGEROUS_MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "joblib",
    "importlib.import_module",
}
ALLOWED_YAML = {"include/config/loader.py", "sandbox/mixpanel_aep_sandbox/openapi/__init__.py"}
"""They load with a subclass of SafeLoader, or with the safe loader that is written in C."""


def findings(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"imports {a.name}" for a in node.names if a.name in DANGEROUS_MODULES)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                f"imports {node.module}.{a.name}" for a in node.names
                if node.module in DANGEROUS_MODULES or f"{node.module}.{a.name}" in DANGEROUS_MODULES
            )  # fmt: skip
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in DANGEROUS_CALLS:
            yield f"calls {node.func.id}"
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            called = f"{node.func.value.id}.{node.func.attr}"
            if called in (
                "os.system",
                "os.popen",
                "importlib.import_module",
                "yaml.unsafe_load",
                "yaml.full_load",
            ):
                yield f"calls {called}"
            if called == "yaml.load" and name not in ALLOWED_YAML:
                yield f"calls {called}"
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        for argument, bad in (
            ("shell", True),
            ("verify", False),
            ("trust_env", True),
            ("allow_redirects", True),
        ):
            value = given.get(argument)
            if isinstance(value, ast.Constant) and value.value is bad:
                yield f"{argument}={bad}"


def test_no_code_executes_data() -> None:
    found = {}
    for folder in ("include", "plugins", "dags", "sandbox", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if there := list(findings(ast.parse(path.read_text(encoding="utf-8")), name)):
                found[name] = there
    assert found == {}


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from marshal import loads", "eval('1')", "exec('1')", "yaml.load(x, Loader=y)", "os.system('x')",
     "run(x, shell=True)", "requests.get(x, verify=False)", "from importlib import import_module"],
)  # fmt: skip
def test_the_check_finds_known_patterns(code: str) -> None:
    assert list(findings(ast.parse(code), "x.py"))


def test_the_demos_credentials_are_the_sandboxs_and_recognisable() -> None:
    rows = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())["airflow"]["connections"]
    assert rows
    for row in rows:
        assert "not-real" in row["conn_password"]
        assert row["conn_host"] == "127.0.0.1"
        assert row["conn_extra"]["sandbox"] is True
