"""Data Prep's expression language: a text is split into tokens, parsed to a tree, and checked.

The language is Apache JEXL's: Adobe uses JEXL's names of operators (EP:data-prep/api/functions.md) and reserved words.
"""
