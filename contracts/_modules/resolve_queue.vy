# pragma version 0.4.3
"""
@title The order in which started accounts are resolved
@dev   Two lanes, first come first served. `MAIN` holds every started account by start time.
       `URGENT` holds those whose loss was seen not to fit into the waterfall: nobody can take
       from them any more, so they go first. A place is an index; leaving writes a hole, holes
       are passed for good at most once. An entry that cannot be resolved now (no price) goes to
       the back instead of holding up the rest, so that filling a lane costs its author more
       gas per entry than it costs anybody to walk past it.
"""

# flags
flag Lane:
    MAIN
    URGENT
# state
_entries: HashMap[Lane, HashMap[uint256, uint256]]  # place -> account; 0: hole
_heads: HashMap[Lane, uint256]
_tails: HashMap[Lane, uint256]


@internal
def _append(lane: Lane, account: uint256) -> uint256:
    """
    @dev Puts the account last; places start at 1 so that 0 can mean "not in the lane".
    """
    tail: uint256 = max(self._tails[lane], 1)
    if self._heads[lane] == 0:
        self._heads[lane] = 1
    self._entries[lane][tail] = account
    self._tails[lane] = tail + 1
    return tail


@internal
def _remove(lane: Lane, place: uint256):
    """
    @dev Leaves a hole; a hole at the head is passed at once.
    """
    self._entries[lane][place] = 0
    if self._heads[lane] == place:
        self._heads[lane] = place + 1


@internal
def _pass_holes(lane: Lane, most: uint256) -> uint256:
    """
    @dev Moves the head to the first entry, over at most `most` holes (at most 256); 0: none found.
    """
    head: uint256 = self._heads[lane]
    tail: uint256 = self._tails[lane]
    start: uint256 = head
    for _: uint256 in range(most, bound=256):
        if head >= tail or self._entries[lane][head] != 0:
            break
        head += 1
    if head != start:
        self._heads[lane] = head
    return head


@internal
@view
def _at(lane: Lane, place: uint256) -> uint256:
    """
    @dev Account at a place; 0: a hole.
    """
    return self._entries[lane][place]


@internal
@view
def _head(lane: Lane) -> uint256:
    """
    @dev First place not passed yet.
    """
    return self._heads[lane]


@internal
@view
def _end(lane: Lane) -> uint256:
    """
    @dev First free place.
    """
    return self._tails[lane]
