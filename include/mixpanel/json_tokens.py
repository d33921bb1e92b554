"""Strings and brackets of a JSON text, found in linear time, also in truncated or invalid text."""

from __future__ import annotations

import re

JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
"""A bracket, or a whole string; for an unterminated string the rest of the text, with an empty group.

The possessive repetition does not backtrack, and no part of a string is read again as the beginning of another.
"""
