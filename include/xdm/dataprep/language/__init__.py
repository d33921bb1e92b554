"""Data Prep's expression language: text to tokens to a checked tree. It is Apache JEXL's: Adobe's own words for the
operators (EP:data-prep/api/functions.md) and its reserved words are JEXL's."""
