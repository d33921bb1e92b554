"""The expression language of calculated fields: Adobe's documentation, completed by the rules of Apache Commons JEXL.

Adobe documents no grammar and no precedences. Its reserved words and the descriptions of its operators are JEXL's,
word for word (EP:data-prep/functions.md, OAS:data-prep.yaml), so JEXL's reference is used where Adobe is silent [I].
"""
