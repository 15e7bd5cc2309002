# pragma version 0.4.3
"""
@title Fees that clients have paid in advance, and that are earned evenly over their terms
@dev   Until it is earned a fee is nobody's and backs nothing. Whose it becomes is the caller's to say.
"""

from contracts._lib import fixed_point
from contracts._lib import linear_stream

_unearned: uint256  # token units, when the books were last written
_earned_until_wad_s: uint256  # unix seconds * 1e18
_earned_since: uint256  # unix seconds at which the books were last written


@internal
@view
def _earned_down() -> uint256:
    """
    @dev What has been earned since the books were last written.
    """
    unearned: uint256 = self._unearned
    if unearned == 0:
        return 0
    since: uint256 = self._earned_since
    return linear_stream._released_down(
        unearned, block.timestamp - since, self._earned_until_wad_s - since * fixed_point.WAD
    )


@internal
def _write(earned: uint256):
    """
    @dev Takes what has been earned until now off the stream.
    """
    self._earned_since = block.timestamp
    if earned != 0:
        self._unearned -= earned


@internal
def _join(tokens: uint256, seconds: uint256):
    """
    @dev A fee of more than zero, to be earned over the seconds to come; the stream must be written.
    """
    now_wad_s: uint256 = block.timestamp * fixed_point.WAD
    remaining_wad_s: uint256 = max(self._earned_until_wad_s, now_wad_s) - now_wad_s
    self._earned_until_wad_s = now_wad_s + linear_stream._joined_remaining_down(
        self._unearned, remaining_wad_s, tokens, seconds
    )
    self._unearned += tokens
