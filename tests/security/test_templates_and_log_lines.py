"""A name is never rendered as a template, and never adds a log line or controls a terminal."""

from __future__ import annotations

import html
import logging
from pathlib import Path
from string import Template

import pytest

from include.cli.console import print_status, table, title
from include.errors import ConfigError, PipelineError, SchemaError, Terminal
from include.http.error_rules import REFUSED
from include.lake.lake import Lake
from include.quality.report import render
from include.redact import one_line
from tests.security.canary_run import Running
from tests.security.hostile_names import ALL, LOG_LINES, TEMPLATES
from tests.security.test_pages_and_csv import report
from tests.support.builders import event, line, row, schema, transformed, workspace

_ENDS_OR_STEERS = set("\n\r\x0b\x0c\x1b\x08\x07\x00\x7f\x85\x9b\u2028\u2029\u202e\u2066\u200f")


@pytest.mark.unit
@pytest.mark.case("M05")
@pytest.mark.parametrize("name", TEMPLATES, ids=lambda name: f"M05-{name}")
def test_m05_a_template_in_a_name_is_a_name(name: str) -> None:
    text = TEMPLATES[name]
    page = html.unescape(render(report(text)))
    assert page.count(text) >= 8
    assert "1337" not in page
    error = REFUSED.make(dict.fromkeys(("service", "what", "status", "code", "conn_id"), text), 0)
    assert str(error).count(text) == 5
    assert logging.LogRecord("x", 20, "", 0, "%s", (error,), None).getMessage() == str(error)


@pytest.mark.unit
@pytest.mark.case("M05")
def test_m05_the_examples_are_valid_templates() -> None:
    from jinja2 import Environment

    assert Environment().from_string("{{ 7 * 191 }}").render() == "1337"
    assert Template("${x}").substitute(x="1337") == "1337"


@pytest.mark.sandbox
@pytest.mark.case("M05")
def test_m05_a_day_of_templates_arrives_verbatim(carried: Running) -> None:
    rows = carried.rows()
    assert set(TEMPLATES.values()) <= {row["eventType"] for row in rows}
    assert "1337" not in str(rows)


@pytest.mark.unit
@pytest.mark.case("M06")
@pytest.mark.parametrize("name", LOG_LINES, ids=lambda name: f"M06-{name}")
def test_m06_an_error_is_one_line(name: str) -> None:
    for kind in (PipelineError, ConfigError, Terminal):
        error = kind(f"Event {LOG_LINES[name]} is odd.", f"Look at {LOG_LINES[name]}.")
        for text in (str(error), error.sentence, error.hint):
            assert not _ENDS_OR_STEERS & set(text)
            assert len(text.splitlines()) == 1
            text.encode()


@pytest.mark.unit
@pytest.mark.case("M06")
def test_m06_the_length_of_an_error_is_limited() -> None:
    assert len(str(PipelineError("x" * 10_000_000, "y" * 10_000_000))) < 50_000


@pytest.mark.unit
@pytest.mark.case("M06")
def test_m06_a_hostile_property_name_is_reported_in_one_line(tmp_path: Path) -> None:
    """``unmapped: fail`` names the unmapped properties: the only error that quotes what a customer wrote."""
    lake = Lake(f"file://{tmp_path}/lake")
    for number, text in enumerate(ALL.values()):
        place = workspace(lake, unmapped="fail", name=f"p{number}")
        with pytest.raises(SchemaError, match="without a mapping") as refused:
            transformed(place, schema(), [row("event", "eventType")], line(event(**{text: "x"})))
        assert not _ENDS_OR_STEERS & set(str(refused.value))
        assert len(str(refused.value)) < 1000


@pytest.mark.unit
@pytest.mark.case("M06")
@pytest.mark.parametrize("name", LOG_LINES, ids=lambda name: f"M06-{name}")
def test_m06_a_terminal_is_not_controlled(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = LOG_LINES[name]
    print_status("ok", "x", text)
    table("+", [("a", text), ("b", "c")])
    title(text)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 4
    assert not (_ENDS_OR_STEERS - {"\n"}) & set(out)
    assert one_line(text) in out


@pytest.mark.sandbox
@pytest.mark.case("M06")
def test_m06_no_hostile_name_is_in_a_log_line(carried: Running) -> None:
    assert "HTTP/1.1" in carried.said
    assert [name for name, text in ALL.items() if len(text) > 4 and text in carried.said] == []
    assert not (_ENDS_OR_STEERS - {"\n"}) & set(carried.said)
