"""Local stand-ins for Mixpanel, Adobe IMS and Adobe Experience Platform, strictly after their documentation.

Independent of the code that it is used to test: nothing here imports any of it.
"""
