"""What a test asks of a running sandbox, in Python: see ``docs/sandbox.md`` and ``sandbox/mixpanel_aep_sandbox/pytest_plugin.py``.

The classes need an address and nothing else, so they serve any process's sandbox, with or without pytest.
"""

from mixpanel_aep_sandbox.client.aep import AepSandbox
from mixpanel_aep_sandbox.client.control import Clock, Sandbox, SandboxError
from mixpanel_aep_sandbox.client.mixpanel import MixpanelSandbox

__all__ = ["AepSandbox", "Clock", "MixpanelSandbox", "Sandbox", "SandboxError"]
