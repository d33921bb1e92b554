"""Strings and brackets of a JSON text, found in a time that is linear in its length, also where it is cut or broken."""

from __future__ import annotations

import re

JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+("?)|[{}\[\]]', re.DOTALL)
"""A bracket, or a whole string; of a string without an end everything that is left, and its group is empty.

The repetition gives nothing back, and no part of a string is read a second time as the beginning of another.
"""
