"""Small faults in the contracts, one at a time: which test notices?

sources.py   the Vyper files as syntax trees with exact positions
faults.py    the operators: what a small fault is
choice.py    a seeded choice in which every module and operator has its part
trees.py     a copy of the project with one fault in it, compiled
killers.py   which tests belong to which module, and how they are run
campaign.py  one fault after the other, in parallel
results.py   what came out, kept in a file so that a run can go on
report.py    score, tables and survivors in words
"""
