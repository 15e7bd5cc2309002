"""What traders do while losses are pending, and which rule makes staying the best answer.

The reference model (`plimsoll.model`) is the protocol; `venue` adds the candidate rules of `rules`
around its calls, `crash` plays people with plans against it, `measure` repeats that and adds up.
`docs/adr/0012-exits-while-losses-are-pending.md` is what came of it.
"""
