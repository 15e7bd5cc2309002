# pragma version 0.4.3
"""
@title One auction per started account: its clock, its places in the queue, its loss weights
@dev   The record is one slot (bits): start time 40, start block 40, place 48, urgent place 48,
       clock offset in seconds 24, end time of the last auction 40, reserving 1. The clock shows
       offset + (now - start). A restart within the hour takes over what the clock showed, so
       that ending an auction by a wei of margin and falling back does not buy a new one.

       Each leg has a clock of its own: it shows less by as many seconds as its market's last stop, an outage with its
       grace, lies within the auction. Only the last stop: an earlier one in the same auction counts as time after all.
"""

from contracts._modules import neighbours
from interfaces import ILiquidator


# One account's auction.
struct Record:
    started: uint256  # timestamp; 0: not started
    start_block: uint256
    place: uint256  # in the main lane
    urgent_place: uint256  # in the urgent lane; 0: not there
    offset: uint256  # seconds on the clock at the start, or at the end if not started
    ended: uint256  # timestamp of the last end
    reserving: bool  # the waterfall may hold a reservation for it


# constants
PPM: constant(uint256) = 10**6
MAX_CONCESSION_PPM: constant(uint256) = 100_000
MAX_FEE_PPM: constant(uint256) = 20_000
MAX_INSURANCE_CONCESSION_PPM: constant(uint256) = 10_000
MIN_DURATION: constant(uint256) = 60
MAX_DURATION: constant(uint256) = 3_600
MIN_KAPPA_PPM: constant(uint256) = 1_010_000
MAX_KAPPA_PPM: constant(uint256) = 2_000_000
RESUME_WINDOW: constant(uint256) = 3_600
# A resumed auction still runs this part of its duration before it may be resolved.
_RESUMED_DIVISOR: constant(uint256) = 4
_MASK_40: constant(uint256) = 2**40 - 1
_MASK_48: constant(uint256) = 2**48 - 1
_MASK_24: constant(uint256) = 2**24 - 1
_MASK_32: constant(uint256) = 2**32 - 1

# state
_records: HashMap[uint256, uint256]
_weights: HashMap[uint256, uint256]
_charged_next: HashMap[uint256, uint256]  # weights of the markets not resolved yet; 0: all
_packed_params: uint256  # six fields of 32 bits, in the order of ILiquidator.Params


@internal
@view
def _load(account: uint256) -> Record:
    """
    @dev The account's record, unpacked.
    """
    word: uint256 = self._records[account]
    return Record(
        started=word & _MASK_40,
        start_block=(word >> 40) & _MASK_40,
        place=(word >> 80) & _MASK_48,
        urgent_place=(word >> 128) & _MASK_48,
        offset=(word >> 176) & _MASK_24,
        ended=(word >> 200) & _MASK_40,
        reserving=word >> 240 != 0,
    )


@internal
@view
def _load_started(account: uint256) -> Record:
    """
    @dev The record of a running auction.
    """
    record: Record = self._load(account)
    assert record.started != 0, "liquidation: not started"
    return record


@internal
def _save(account: uint256, record: Record):
    """
    @dev Times fit until the year 36,000; places until 2.8e14 starts; the offset is capped.
    """
    self._records[account] = (
        record.started
        | (record.start_block << 40)
        | (record.place << 80)
        | (record.urgent_place << 128)
        | (min(record.offset, _MASK_24) << 176)
        | (record.ended << 200)
        | (convert(record.reserving, uint256) << 240)
    )


@internal
def _close(account: uint256, record: Record, stopped: uint256):
    """
    @dev Forgets everything but when, and what the clock showed less what it stood still.
    """
    self._save(
        account,
        Record(
            started=0,
            start_block=0,
            place=0,
            urgent_place=0,
            offset=self._elapsed(record) - stopped,
            ended=block.timestamp,
            reserving=False,
        ),
    )
    self._weights[account] = 0
    self._charged_next[account] = 0


@internal
@view
def _to_charge(account: uint256) -> uint256:
    """
    @dev How the loss is split over the winners that have not been charged for it.
    """
    left: uint256 = self._charged_next[account]
    return left if left != 0 else self._weights[account]


@internal
@view
def _elapsed(record: Record) -> uint256:
    """
    @dev Seconds on the auction clock now, stops included.
    """
    return record.offset + block.timestamp - record.started


@internal
@view
def _stopped(record: Record, stop: neighbours.Stop) -> uint256:
    """
    @dev Seconds that a leg's clock stood still: what the stop has in common with the auction so far.
    """
    since: uint256 = max(record.started, stop.since)
    until: uint256 = min(block.timestamp, stop.until)
    return until - since if until > since else 0


@internal
@view
def _resumed_offset(record: Record) -> uint256:
    """
    @dev What the clock of a new auction starts from.
    """
    if record.ended != 0 and block.timestamp < record.ended + RESUME_WINDOW:
        return record.offset
    return 0


@internal
@view
def _has_run_out(record: Record, stopped: uint256, params: ILiquidator.Params) -> bool:
    """
    @dev Past T on a clock that stood still for so many seconds, and past a quarter of T since the start itself.
    """
    return (
        self._elapsed(record) - stopped >= params.duration
        and block.timestamp - record.started - stopped >= params.duration // _RESUMED_DIVISOR
    )


@internal
@pure
def _concession_ppm(elapsed: uint256, params: ILiquidator.Params) -> uint256:
    """
    @dev c(t): a straight line from c_min to c_max over T.
    """
    rise: uint256 = params.concession_max_ppm - params.concession_min_ppm
    return params.concession_min_ppm + rise * min(elapsed, params.duration) // params.duration


@internal
@view
def _params() -> ILiquidator.Params:
    """
    @dev The parameters, unpacked.
    """
    word: uint256 = self._packed_params
    return ILiquidator.Params(
        concession_min_ppm=word & _MASK_32,
        concession_max_ppm=(word >> 32) & _MASK_32,
        duration=(word >> 64) & _MASK_32,
        kappa_ppm=(word >> 96) & _MASK_32,
        fee_ppm=(word >> 128) & _MASK_32,
        insurance_concession_ppm=(word >> 160) & _MASK_32,
    )


@internal
def _set_params(params: ILiquidator.Params):
    """
    @dev Checks the hard bounds and stores.
    """
    assert params.concession_min_ppm <= params.concession_max_ppm, "params: concession order"
    assert params.concession_max_ppm <= MAX_CONCESSION_PPM, "params: concession too high"
    assert (
        params.duration >= MIN_DURATION and params.duration <= MAX_DURATION
    ), "params: duration out of bounds"
    assert (
        params.kappa_ppm >= MIN_KAPPA_PPM and params.kappa_ppm <= MAX_KAPPA_PPM
    ), "params: kappa out of bounds"
    assert params.fee_ppm <= MAX_FEE_PPM, "params: fee too high"
    assert (
        params.insurance_concession_ppm <= MAX_INSURANCE_CONCESSION_PPM
    ), "params: insurance pays too much"
    self._packed_params = (
        params.concession_min_ppm
        | (params.concession_max_ppm << 32)
        | (params.duration << 64)
        | (params.kappa_ppm << 96)
        | (params.fee_ppm << 128)
        | (params.insurance_concession_ppm << 160)
    )
    log ILiquidator.ParamsSet(params=params)
