"""Errors are a sentence and a hint, with the documented exit code."""

from __future__ import annotations

import pytest

from include.cli.__main__ import main
from include.cli.commands import pipelines as pipelines_command
from include.cli.exit_codes import ExitCode
from include.errors import ConfigError, Conflict, LakeError
from tests.support.command_line import Cli, Printing

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (
            ("check", "nope"),
            "Pipeline 'nope' was not found.\nHint: Existing pipelines: adobe-tutorial, hostile, shop.",
        ),
        (("discover", "shop"), "The lake has no exported day of pipeline shop."),
        (
            ("run", "shop", "2026-07-02", "2026-07-01"),
            "The last day of the run (2026-07-01) is before the first (2026-07-02).",
        ),
        (("run", "shop", "2020-01-01"), "is before the start_date 2026-06-30"),
        (("run", "shop", "2026-07-03"), "is after the end_date 2026-07-02"),
    ],
)
def test_an_error_is_a_sentence_and_exit_code_1(cli: Cli, argv: tuple[str, ...], sentence: str) -> None:
    code, text = cli(*argv)
    assert code == 1
    assert sentence in text


@pytest.mark.parametrize(
    "argv", [(), ("paint",), ("run", "shop"), ("run", "shop", "today"), ("discover", "shop", "--days", "0")]
)
def test_wrong_usage_is_exit_code_2(argv: tuple[str, ...]) -> None:
    assert main(argv) == 2


def test_wrong_usage_says_what_is_wrong(cli: Cli) -> None:
    text = cli("run", "shop", "today")[1]
    assert "'today' is not a day. Write a day like 2026-07-01." in text
    assert "mixpanel-aep run" in text.splitlines()[0]
    assert "9999-12-31 is too late: the last day is 9000-01-01." in cli("run", "shop", "9999-12-31")[1]


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (ConfigError("It is wrong.", "Correct it."), ExitCode.REFUSED, "Refused"),
        (LakeError("It is away.", "Wait."), ExitCode.TRY_AGAIN, "Not done"),
        (Conflict("Another run is at work.", "Wait."), ExitCode.TRY_AGAIN, "Not done"),
        (ValueError("u-1@example.com"), ExitCode.DEFECT, "Failed"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "Interrupted"),
    ],
)
def test_an_error_is_a_sentence_and_its_exit_code(
    error: BaseException,
    code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(pipelines_command, "load_readable_pipelines", fail)
    assert main(["pipelines"]) == code
    printed = capsys.readouterr()
    assert printed.err.startswith(word)
    assert (printed.out, "Traceback" in printed.err, "u-1@" in printed.err) == ("", False, False)
    if isinstance(error, Exception):
        assert main(["pipelines", "--debug"]) == code
        assert "Traceback" in capsys.readouterr().err
        monkeypatch.setenv("MIXPANEL_AEP_DEBUG", "1")
        assert main(["pipelines"]) == code
        assert "Traceback" in capsys.readouterr().err


def test_an_error_in_json_includes_earlier_results(printed: Printing) -> None:
    assert printed("apply", "shop").code == 0
    found = printed("run", "shop", "2026-07-02", "2026-07-03", "--json")
    assert found.code == 1
    assert [day["day"] for day in found.json["days"]] == ["2026-07-02"]
    error = found.json["error"]
    assert error["exit_code"] == 1
    assert error["kind"] == "ConfigError"
    assert "after the end_date 2026-07-02" in error["sentence"]
    assert error["sentence"] in found.err


@pytest.mark.parametrize(
    "argv",
    [
        ("check", "shop"),
        ("discover", "shop", "--export", "--limit", "50"),
        ("recover", "shop"),
        ("verify", "shop"),
        ("clean", "shop"),
        ("quarantine", "list", "shop"),
        ("quarantine", "show", "shop", "2026-07-01"),
        ("ledger", "show", "shop", "2026-07-01"),
        ("lake", "sign", "shop"),
        ("ledger", "release", "shop", "2026-07-01", "--batch", "01X", "--why", "no reason"),
    ],
)
def test_the_standard_output_of_json_is_one_object(printed: Printing, argv: tuple[str, ...]) -> None:
    assert printed("apply", "shop").code == 0
    found = printed(*argv, "--json")
    assert isinstance(found.json, dict)
    assert found.code in (0, 1)
    assert ("error" in found.json) == (argv[-1] == "no reason" or argv[0] == "lake")
