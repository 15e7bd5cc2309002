# pragma version 0.4.3
"""
@title State of the one frozen resolve in progress
"""

from interfaces import IClearinghouse


# One market of the frozen account.
struct JobLeg:
    market: uint256
    mark: uint256  # M, wad
    winners_long: bool
    uncovered: uint256  # this market's share of R, wad
    profit: uint256  # U, wad
    eta: uint256  # ray


job: IClearinghouse.AdlJob
legs: JobLeg[10]
# where the walk over the winners' buckets stands
cursor_class: uint256
cursor_tick: uint256
