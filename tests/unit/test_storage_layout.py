"""The engines run on the Clearinghouse's storage by delegatecall: all must see the same slots."""

from __future__ import annotations

import pytest

from tests.support.storage_layout import layout, variables

ENGINES = ("TradeEngine", "TakeEngine", "AdlEngine", "RegistryEngine")
# what each engine works on; a module that is initialised elsewhere has no slots to disagree on
SHARED = ("ledger.", "engines.", "resolve_job.", "ownable.")


@pytest.mark.parametrize("engine", ENGINES)
def test_layout__engine__has_the_clearinghouse_slots_and_no_others(engine):
    assert variables(engine) == variables("Clearinghouse")


def test_layout__shared_modules__are_all_there():
    names = variables("Clearinghouse")
    assert all(any(name.startswith(module) for name in names) for module in SHARED)
    assert all(name.startswith(SHARED) for name in names)


def test_layout__no_two_variables_overlap():
    taken: dict[int, str] = {}
    for name, (_, slot, count) in variables("Clearinghouse").items():
        for used in range(slot, slot + count):
            assert used not in taken, (name, taken.get(used))
            taken[used] = name


@pytest.mark.parametrize("engine", ENGINES)
def test_layout__transient_slots__only_the_lock_and_the_same_one(engine):
    lock = {"type": "nonreentrant lock", "slot": 0, "n_slots": 1}
    assert layout("Clearinghouse")["transient_storage_layout"] == {"$.nonreentrant_key": lock}
    assert layout(engine).get("transient_storage_layout", {}) in ({}, {"$.nonreentrant_key": lock})
