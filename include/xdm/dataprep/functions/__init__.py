"""The supported functions and operators of Data Prep, one ``Function`` each; ``docs/mapping.md`` has their table."""

from __future__ import annotations

from include.xdm.dataprep.functions import (
    arithmetic,
    arrays,
    choices,
    comparisons,
    dates,
    hashes,
    maps,
    numbers,
    objects,
    padding,
    regexes,
    special,
    strings,
    urls,
)
from include.xdm.dataprep.functions.registry import Function

_USER_AGENT = "it needs the rules of a user agent database; Mixpanel's $browser, $os and $device hold the same information"
_ANALYTICS = "Adobe allows it only in flows of the Web SDK and of Adobe Analytics"
_DESTINATIONS = "Adobe offers it only for destinations"

ALL: list[Function] = [
    function
    for module in (
        strings,
        padding,
        regexes,
        hashes,
        urls,
        dates,
        objects,
        maps,
        arrays,
        choices,
        numbers,
        special,
        arithmetic,
        comparisons,
    )
    for function in module.FUNCTIONS
]
FUNCTIONS: dict[str, Function] = {
    name: function for function in ALL for name in (function.name, *function.other_names)
}

NOT_HERE: dict[str, str] = {
    **dict.fromkeys(
        ("ua_os_name", "ua_os_version_major", "ua_os_version", "ua_os_name_version", "ua_agent_version",
         "ua_agent_version_major", "ua_agent_name", "ua_device_class"),
        _USER_AGENT,
    ),
    **dict.fromkeys(
        ("aa_get_event_id", "aa_get_event_value", "aa_get_product_categories", "aa_get_product_names",
         "aa_get_product_quantity", "aa_get_product_price", "aa_get_product_event_values", "aa_get_product_evars"),
        _ANALYTICS,
    ),
    **dict.fromkeys(("array_to_string", "filterArray", "transformArray", "flattenArray"), _DESTINATIONS),
    "fpid_to_ecid": "Adobe does not publish how it computes an ECID from a first-party id",
}  # fmt: skip
"""Functions of Adobe's list that are not supported, with the reason."""
