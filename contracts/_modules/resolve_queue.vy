# pragma version 0.4.3
"""
@title The order in which started accounts are resolved
@dev   Two lanes, first come first served. `MAIN` holds every started account by start time.
       `URGENT` holds those whose loss was seen not to fit into the waterfall: nobody can take
       from them any more, so they go first. A place is an index; leaving writes a hole, holes
       are passed for good at most once. An entry that cannot be resolved now (no price) goes to
       the back instead of holding up the rest, so that filling a lane costs its author more
       gas per entry than it costs anybody to walk past it.

       A lane's bounds are one word: head 64 | tail 64 | entries 64. Between head and tail there may
       be nothing but holes, so whether somebody stands in a lane is counted.
"""

# flags
flag Lane:
    MAIN
    URGENT
# state
_entries: HashMap[Lane, HashMap[uint256, uint256]]  # place -> account; 0: hole
_bounds: HashMap[Lane, uint256]

# constants
_ONE_PLACE: constant(uint256) = 1 << 64
_ONE_ENTRY: constant(uint256) = 1 << 128
_MASK_64: constant(uint256) = 2**64 - 1


@internal
def _append(lane: Lane, account: uint256) -> uint256:
    """
    @dev Puts the account last; places start at 1 so that 0 can mean "not in the lane".
    """
    bounds: uint256 = self._bounds[lane]
    if bounds == 0:
        bounds = 1 | _ONE_PLACE
    tail: uint256 = bounds >> 64 & _MASK_64
    self._entries[lane][tail] = account
    self._bounds[lane] = bounds + _ONE_PLACE + _ONE_ENTRY
    return tail


@internal
def _remove(lane: Lane, place: uint256):
    """
    @dev Leaves a hole; a hole at the head is passed at once.
    """
    self._entries[lane][place] = 0
    bounds: uint256 = self._bounds[lane] - _ONE_ENTRY
    if bounds & _MASK_64 == place:
        bounds += 1
    self._bounds[lane] = bounds


@internal
def _pass_holes(lane: Lane, most: uint256) -> uint256:
    """
    @dev Moves the head to the first entry, over at most `most` holes (at most 256); 0: none found.
    """
    bounds: uint256 = self._bounds[lane]
    head: uint256 = bounds & _MASK_64
    tail: uint256 = bounds >> 64 & _MASK_64
    start: uint256 = head
    for _: uint256 in range(most, bound=256):
        if head >= tail or self._entries[lane][head] != 0:
            break
        head += 1
    if head != start:
        self._bounds[lane] = bounds - start + head
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
    return self._bounds[lane] & _MASK_64


@internal
@view
def _end(lane: Lane) -> uint256:
    """
    @dev First free place.
    """
    return self._bounds[lane] >> 64 & _MASK_64


@internal
@view
def _is_empty(lane: Lane) -> bool:
    """
    @dev Whether nobody stands in a lane.
    """
    return self._bounds[lane] >> 128 == 0
