"""The expression language of calculated fields: what Adobe documents of it, on the rules of Apache Commons JEXL.

Adobe names neither a grammar nor precedences. Its reserved words and the descriptions of its operators are JEXL's,
word for word (EP:data-prep/functions.md, OAS:data-prep.yaml), so where Adobe is silent JEXL's reference holds [I].
"""
