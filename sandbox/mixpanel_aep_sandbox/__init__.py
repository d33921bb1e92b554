"""Local stand-ins for Mixpanel, Adobe IMS and Adobe Experience Platform, strictly after their documentation.

Independent of the code they stand against: nothing here imports ``include.mixpanel``, ``include.aep``,
``include.xdm``, ``include.quality`` or ``include.steps``.
"""
