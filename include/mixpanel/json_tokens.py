"""A regular expression that finds strings and brackets in JSON in linear time, even if the JSON is invalid."""

from __future__ import annotations

import re

JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
"""Matches a bracket or a complete string; for an unterminated string, the rest of the text, with group 1 empty.

Group 1 is None for a bracket. The possessive repetition does not backtrack, so the interior of a string is never
matched as the beginning of another string.
"""
