"""Names and values that a sender of events to a Mixpanel project can choose freely."""

from __future__ import annotations

PATHS = {
    "climbing": "../../etc/passwd",
    "climbing-inside": "a/../../b",
    "absolute": "/etc/cron.d/x",
    "windows-device": "CON",
    "windows-path": "..\\..\\x",
    "nul": "a\x00b",
    "long": "x" * 5000,
    "right-to-left": "txt.\u202eexe",
    "dot": ".",
    "dots": "..",
    "urlencoded": "%2e%2e%2f",
    "query": "a?b=c#d&e",
    "manifest": "manifest.json",
    "home": "~root",
}
MARKUP = {
    "script": "<script>alert(1)</script>",
    "img": "<img src=x onerror=alert(1)>",
    "end-of-cell": "</td></tr></table><h1>x",
    "javascript": "javascript:alert(1)",
    "attribute": '" onmouseover="alert(1)',
    "svg": "</svg><svg onload=alert(1)>",
    "comment": "--><iframe src=//x>",
    "style": "</style><style>@import url(//x)</style>",
}
FORMULAS = {
    "hyperlink": '=HYPERLINK("http://x","y")',
    "plus": "+cmd|' /C calc'!A0",
    "at": "@SUM(1)",
    "tab": "\t=1+1",
    "return": "\r=1+1",
}
TEMPLATES = {
    "jinja": "{{ 7 * 191 }}{% raise %}",
    "jinja-call": "{{ conn.aep_default.password }}",
    "string-template": "${HOME}$HOME",
    "percent": "%s %(asctime)s %d %n",
    "format": "{0.__class__} {report} {}",
    "macro": "{{ macros.datetime }}",
}
LOG_LINES = {
    "crlf": "Purchase\r\n2026-07-01 CRITICAL root: forged",
    "ansi": "\x1b[2J\x1b[31mred\x1b[0m",
    "backspace": "safe\x08\x08\x08\x08evil",
    "separators": "a\u2028b\u2029c\x85d",
    "bidi": "\u202eevil\u202c\u2066x",
    "bell": "\x07\x00\x7f",
}
ALL = PATHS | MARKUP | FORMULAS | TEMPLATES | LOG_LINES
