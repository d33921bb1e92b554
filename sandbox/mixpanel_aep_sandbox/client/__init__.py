"""Python clients of a running sandbox, for tests: see ``docs/sandbox.md``.

The classes need only the sandbox's URL, so they work with a sandbox in any process, with or without pytest.
"""

from mixpanel_aep_sandbox.client.aep import AepSandbox
from mixpanel_aep_sandbox.client.control import Clock, Sandbox, SandboxError
from mixpanel_aep_sandbox.client.mixpanel import MixpanelSandbox

__all__ = ["AepSandbox", "Clock", "MixpanelSandbox", "Sandbox", "SandboxError"]
