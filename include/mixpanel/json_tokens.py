"""A regular expression for the strings and brackets of a JSON text, which takes linear time for invalid JSON too."""

from __future__ import annotations

import re

JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
"""Matches the next bracket or string; an unterminated string extends to the end of the text.

Group 1 is None for a bracket, the closing quotation mark for a string, and empty for an unterminated string. The
possessive repetition does not backtrack, so a quotation mark inside a string is never matched as the start of another.
"""
