"""Data Prep's expression language: from text to tokens to a checked tree.

The language is Apache JEXL's: Adobe uses JEXL's names of operators (EP:data-prep/api/functions.md) and reserved words.
"""
