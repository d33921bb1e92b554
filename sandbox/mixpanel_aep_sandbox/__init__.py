"""Local stand-ins for Mixpanel, Adobe IMS and Adobe Experience Platform, strictly after their documentation.

The package is independent of the code that it is used to test: it imports none of that code.
"""
