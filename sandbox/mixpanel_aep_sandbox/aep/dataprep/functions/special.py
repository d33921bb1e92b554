"""Random ids, and the functions that Adobe documents and the sandbox does not implement."""

from __future__ import annotations

import uuid as ids

from mixpanel_aep_sandbox.aep.dataprep.functions.registry import Parameter, function, unavailable

_SPECIAL = "Special Operations"


@function(
    _SPECIAL,
    "A random UUID.",
    names=("uuid", "guid"),
    returns="string",
    example=("uuid()", "7c0267d2-bb74-4e1a-9275-3bf4fccda5f4"),
)
def uuid() -> str:
    """Return a random UUID (version 4) as text."""
    return str(ids.uuid4())


_STRING = Parameter("STRING", "string", "The text.")
_AGENT = Parameter("USER_AGENT", "string", "The user agent's text.")
_EVENTS = Parameter("EVENT_STRING", "string", "Analytics' list of events.")
_PRODUCTS = Parameter("PRODUCTS_STRING", "string", "Analytics' list of products.")
_NAME = Parameter("EVENT_NAME", "string", "The event's name.")

_ECID = "an ECID is computed from an FPID by a rule that Adobe does not publish."
_AGENTS = "browsers and devices can be distinguished only with Adobe's database of user agents."
_ANALYTICS = "Adobe offers this function only in dataflows of the Web SDK and of Adobe Analytics."

UNAVAILABLE = (
    (_SPECIAL, "fpid_to_ecid", "The ECID of an FPID.", _ECID, (_STRING,)),
    ("User Agent", "ua_os_name", "The operating system's name.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_os_version_major", "The operating system's major version.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_os_version", "The operating system's version.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_os_name_version", "The operating system's name and version.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_agent_version", "The browser's version.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_agent_version_major", "The browser's name and major version.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_agent_name", "The browser's name.", _AGENTS, (_AGENT,)),
    ("User Agent", "ua_device_class", "The class of the device.", _AGENTS, (_AGENT,)),
    ("Analytics", "aa_get_event_id", "The id of an event.", _ANALYTICS, (_EVENTS, _NAME)),
    ("Analytics", "aa_get_event_value", "The value of an event.", _ANALYTICS, (_EVENTS, _NAME)),
    ("Analytics", "aa_get_product_categories", "The products' categories.", _ANALYTICS, (_PRODUCTS,)),
    ("Analytics", "aa_get_product_names", "The products' names.", _ANALYTICS, (_PRODUCTS,)),
    ("Analytics", "aa_get_product_quantity", "The products' quantities.", _ANALYTICS, (_PRODUCTS,)),
    ("Analytics", "aa_get_product_price", "The products' prices.", _ANALYTICS, (_PRODUCTS,)),
    ("Analytics", "aa_get_product_event_values", "The values of an event.", _ANALYTICS, (_PRODUCTS, _NAME)),
    ("Analytics", "aa_get_product_evars", "The values of an eVar.", _ANALYTICS, (_PRODUCTS, _NAME)),
)
"""Category, name, description, reason why the sandbox does not implement it, and parameters of each function."""

for _category, _function, _text, _reason, _parameters in UNAVAILABLE:
    unavailable(_category, _function, _text, _reason, *_parameters)
