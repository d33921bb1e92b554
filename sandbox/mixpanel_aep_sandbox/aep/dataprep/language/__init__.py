"""The expression language of calculated fields, by Adobe's documentation and the rules of Apache Commons JEXL.

Adobe documents neither a grammar nor the precedence of operators. Its list of reserved words and its descriptions of
operators are literally those of JEXL (EP:data-prep/functions.md, OAS:data-prep.yaml). Therefore, JEXL's reference
determines what Adobe does not document [I].
"""
