"""The rules of docs/invariants.md about one transaction, judged from its logs and both states.

Each rule is computed anew from marks, sizes, keys and words of events; nothing here asks the
functions of the model that predicted the transaction.
"""
