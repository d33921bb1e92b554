"""Local stand-ins for Mixpanel, Adobe IMS and Adobe Experience Platform, written from their public documentation.

The package does not import any of the code that it is used to test.
"""
