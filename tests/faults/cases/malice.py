"""M: malice and secrets. Shown by ``tests/security``, whose tests have the numbers. Also, every case of the other
chapters is searched for the canaries that its connections hold (M07).
"""

from __future__ import annotations

from tests.faults.case import Case, Elsewhere


def _shown(number: str, fault: str, expected: str, *modules: str) -> Elsewhere:
    return Elsewhere(number, fault, expected, tuple(f"tests/security/test_{module}.py" for module in modules))


CASES: tuple[Case | Elsewhere, ...] = (
    _shown("M01", "event names that look like paths", "never part of a key", "names_and_paths"),
    _shown("M02", "ids with /, .., ?, #, CRLF", "refused when the pipeline is read", "names_and_paths"),
    _shown("M03", "markup in values, names, reasons", "no raw tag on the report page", "pages_and_csv"),
    # Rows are sent as JSON Lines and Parquet, unchanged.
    _shown("M04", "formulas for spreadsheets", "no CSV is written", "pages_and_csv"),
    _shown("M05", "templates in values", "rendered by nobody", "templates_and_log_lines"),
    _shown(
        "M06", "CRLF and ANSI escapes in names", "one line of the log, cleaned", "templates_and_log_lines"
    ),
    _shown("M07", "secrets in anything that is left", "absent", "secrets", "canaries"),
    _shown("M08", "a service throws our header back", "not shown", "secrets"),
    _shown("M09", "other hosts in a connection", "refused", "addresses"),
    _shown("M10", "redirects, and name servers that lie", "refused before a byte is sent", "addresses"),
    _shown("M11", "unknown keys in a connection's extra", "refused, with the known ones", "addresses"),
    _shown("M12", "YAML that runs code or grows, keys twice", "refused", "files"),
    _shown("M13", "personal data in logs", "counts and names of fields only", "secrets"),
    Elsewhere(
        "M14", "conf with other keys, types, sizes", "refused by every task", ("tests/airflow/test_conf.py",)
    ),
    Elsewhere(
        "M15",
        "a password of Query Service for another machine",
        "refused",
        ("tests/aep/data_lake/test_query_errors.py",),
    ),
    Elsewhere(
        "M16",
        "records and files of the lake forged",
        "red before AEP changes, or harmless",
        ("tests/security/test_forged_lake.py", "tests/lake/test_signing_keys.py", "tests/cli/test_lake.py"),
    ),
    Elsewhere(
        "M17", "the report's route and links", "read-only, bounded", ("tests/airflow/test_reports.py",)
    ),
    Elsewhere(
        "M18",
        "links, modes, names in a folder lake",
        "not followed, refused, not removed",
        ("tests/lake/stores/test_symbolic_links.py", "tests/security/test_deletions.py"),
    ),
    Elsewhere(
        "M19",
        "a person asks to be forgotten",
        "nowhere in the lake, and not stored again",
        ("tests/security/test_forgetting.py", "tests/steps/forget/test_forget.py"),
    ),
)
