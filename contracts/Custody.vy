# pragma version 0.4.3
"""
@title Custody: the margin tokens, and what a claim on them is worth
@notice The ledger counts claims, this contract counts tokens; between the two stands the redemption rate rho.

        backing           B, tokens behind the claims
        claims            C, ledger units the backing stands for; rho = min(1, B / C)
        unvested          repayments on their way into the backing, over seven days
        fees in transit   tokens that are the insurance vaults', until somebody sweeps

        Worked: 1,000 claims on 1,000 tokens; a loss of 250 that no layer pays leaves 1,250 claims and rho = 0.8.
        A holder of 100 claims is paid 80. A top-up of 125 lifts rho to 0.9 within a week.

        The views carry no lock: the waterfall reads them while custody calls the ledger. Around every external call
        backing and claims are both as before or both as after, so no reader meets half an entry.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from interfaces import IClearinghouse
from interfaces import ICustody
from interfaces import IInsuranceVault
from interfaces import ILiquidator
from contracts._lib import fixed_point
from contracts._lib import linear_stream
from contracts._lib import redemption

implements: ICustody


# What has vested since the books were last written.
struct Vesting:
    released: uint256  # wad, leaves `unvested`
    surplus: uint256  # wad, the part of it that the backing does not need


DEPLOYER: immutable(address)
TOKEN: immutable(IERC20)
CLEARINGHOUSE: immutable(IClearinghouse)
SCALE: immutable(uint256)  # wad per token unit

waterfall: public(address)
liquidator: public(address)
junior: public(address)
senior: public(address)

_backing: uint256  # wad
_claims: uint256  # wad
_unvested: uint256  # wad
_vesting_end_wad_s: uint256  # unix seconds * 1e18
_vesting_since: uint256  # unix seconds
_junior_due: uint256  # wad
_senior_due: uint256  # wad


@deploy
def __init__(token_: address, clearinghouse_: address):
    decimals: uint256 = convert(staticcall IERC20Detailed(token_).decimals(), uint256)
    assert decimals <= 18, "custody: over 18 decimals"
    assert clearinghouse_ != empty(address), "custody: zero clearinghouse"
    DEPLOYER = msg.sender
    TOKEN = IERC20(token_)
    CLEARINGHOUSE = IClearinghouse(clearinghouse_)
    SCALE = 10**(18 - decimals)


@external
def wire(waterfall: address, liquidator: address, junior: address, senior: address):
    assert msg.sender == DEPLOYER, "wire: only deployer"
    assert self.waterfall == empty(address), "wire: already done"
    assert empty(address) not in [waterfall, liquidator, junior, senior], "wire: zero address"
    self.waterfall = waterfall
    self.liquidator = liquidator
    self.junior = junior
    self.senior = senior
    log ICustody.Wired(waterfall=waterfall, liquidator=liquidator, junior=junior, senior=senior)


@external
def deposit(account: uint256, amount: uint256):
    self._deposit(account, amount)
    self._touch(account)


@external
def deposit_with_permit(
    account: uint256, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    permitted: bool = raw_call(
        TOKEN.address,
        abi_encode(
            msg.sender,
            self,
            amount,
            deadline,
            v,
            r,
            s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        revert_on_failure=False,
    )
    if not permitted:
        # somebody may have sent the permit before us: it fails now, and has done its work
        assert staticcall TOKEN.allowance(msg.sender, self) >= amount, "custody: allowance too low"
    self._deposit(account, amount)
    self._touch(account)


@external
@nonreentrant
def withdraw(account: uint256, amount: uint256, receiver: address) -> uint256:
    assert msg.sender == self._owner_of(account), "custody: only owner"
    assert amount != 0, "custody: zero amount"
    assert receiver not in [empty(address), self], "custody: bad receiver"
    # nobody leaves a loss to the others that is known and not dealt with; `resolve` is open to everybody
    assert not staticcall ILiquidator(self.liquidator).resolve_due(), "custody: resolve first"
    self._accrue()
    units: uint256 = amount * SCALE
    tokens: uint256 = redemption._value_down(units, self._backing, self._claims) // SCALE
    assert tokens != 0, "custody: pays nothing"
    extcall CLEARINGHOUSE.debit(account, units)
    self._release(units, tokens * SCALE)
    log ICustody.Withdrawn(account=account, receiver=receiver, claims=units, tokens=tokens)
    assert extcall TOKEN.transfer(
        receiver, tokens, default_return_value=True
    ), "custody: transfer failed"
    return tokens


@external
@nonreentrant
def contribute(amount: uint256):
    assert amount != 0, "custody: zero amount"
    self._accrue()
    self._pull(amount)
    self._repay(amount * SCALE)


@external
@nonreentrant
def sweep_fees():
    self._accrue()
    uncounted: uint256 = self._uncounted(staticcall TOKEN.balanceOf(self) * SCALE)
    trading: uint256 = 0
    insurance: uint256 = 0
    trading, insurance = extcall CLEARINGHOUSE.collect_fees()
    trading_value: uint256 = redemption._value_down(trading, self._backing, self._claims)
    insurance_value: uint256 = redemption._value_down(insurance, self._backing, self._claims)
    self._release(trading + insurance, trading_value + insurance_value)
    senior_value: uint256 = self._senior_share_down(insurance_value)
    self._junior_due += uncounted + trading_value + insurance_value - senior_value
    self._senior_due += senior_value

    junior_tokens: uint256 = 0
    senior_tokens: uint256 = 0
    if self._backing < self._claims:
        due: uint256 = self._junior_due + self._senior_due
        self._junior_due = 0
        self._senior_due = 0
        if due != 0:
            self._repay(due)
    else:
        junior_tokens = self._junior_due // SCALE
        senior_tokens = self._senior_due // SCALE
        self._junior_due -= junior_tokens * SCALE
        self._senior_due -= senior_tokens * SCALE
    log ICustody.FeesSwept(
        trading=trading, insurance=insurance, junior=junior_tokens, senior=senior_tokens
    )
    self._send_fees(self.junior, junior_tokens)
    self._send_fees(self.senior, senior_tokens)


@external
@nonreentrant
def receive_draw(tokens: uint256):
    assert msg.sender == self.waterfall, "access: not waterfall"
    self._accrue()
    # exact against `to_tokens_up`: rounding up there and down here never counts fewer units than were asked for
    units: uint256 = redemption._units_down(tokens * SCALE, self._backing, self._claims)
    self._backing += tokens * SCALE
    self._claims += units
    assert staticcall TOKEN.balanceOf(self) * SCALE >= self._counted(), "custody: draw not received"
    log ICustody.DrawReceived(tokens=tokens, units=units)


@external
@nonreentrant
def book_shortfall(amount: uint256):
    assert msg.sender == self.liquidator, "access: not liquidator"
    self._accrue()
    rate_before: uint256 = redemption._rate_down(self._backing, self._claims)
    self._claims += amount
    rate_after: uint256 = redemption._rate_down(self._backing, self._claims)
    log ICustody.ShortfallBooked(amount=amount, rate_before=rate_before, rate_after=rate_after)


@external
@view
def token() -> address:
    return TOKEN.address


@external
@view
def clearinghouse() -> address:
    return CLEARINGHOUSE.address


@external
@view
def redemption_rate() -> uint256:
    return redemption._rate_down(self._backing_now(), self._claims)


@external
@view
def backing() -> uint256:
    return self._backing_now()


@external
@view
def claims() -> uint256:
    return self._claims


@external
@view
def unvested() -> uint256:
    return self._unvested - self._vesting().released


@external
@view
def fees_in_transit() -> uint256:
    return self._junior_due + self._senior_due + self._vesting().surplus


@external
@view
def reconciliation() -> ICustody.Reconciliation:
    vesting: Vesting = self._vesting()
    balance: uint256 = staticcall TOKEN.balanceOf(self) * SCALE
    return ICustody.Reconciliation(
        backing=self._backing + vesting.released - vesting.surplus,
        unvested=self._unvested - vesting.released,
        fees_in_transit=self._junior_due + self._senior_due + vesting.surplus,
        balance=balance,
        uncounted=self._uncounted(balance),
        claims=self._claims,
    )


@external
@view
def to_tokens_down(units: uint256) -> uint256:
    return redemption._value_down(units, self._backing_now(), self._claims) // SCALE


@external
@view
def to_tokens_up(units: uint256) -> uint256:
    return fixed_point._div_up(
        redemption._value_up(units, self._backing_now(), self._claims), SCALE
    )


@external
@view
def to_units_down(tokens: uint256) -> uint256:
    return redemption._units_down(tokens * SCALE, self._backing_now(), self._claims)


@external
@view
def preview_deposit(amount: uint256) -> uint256:
    vesting: Vesting = self._vesting()
    return redemption._deposit_units_down(
        amount * SCALE,
        self._backing + vesting.released - vesting.surplus,
        self._unvested - vesting.released,
        self._claims,
    )


@internal
@pure
def _owner_of(account: uint256) -> address:
    """
    @dev The 20 bytes in front of the sub-account number.
    """
    return convert(account >> 96, address)


@internal
@nonreentrant
def _deposit(account: uint256, amount: uint256):
    """
    @dev Holds the lock only for its own work: `_touch` comes after, since finishing an account leads back here.
    """
    assert amount != 0, "custody: zero amount"
    assert self._owner_of(account) != empty(address), "custody: zero account"
    self._accrue()
    assert redemption._accepts_deposits(self._backing, self._claims), "custody: redemption too low"
    self._pull(amount)
    tokens: uint256 = amount * SCALE
    units: uint256 = redemption._deposit_units_down(
        tokens, self._backing, self._unvested, self._claims
    )
    self._backing += tokens
    self._claims += units
    log ICustody.Deposited(sender=msg.sender, account=account, tokens=amount, credited=units)
    extcall CLEARINGHOUSE.credit(account, units)


@internal
def _touch(account: uint256):
    """
    @dev A deposit may cure a running auction or shrink a reservation.
    """
    if staticcall CLEARINGHOUSE.is_started(account):
        extcall ILiquidator(self.liquidator).touch(account)


@internal
def _pull(amount: uint256):
    """
    @dev Takes token units from the caller and insists on receiving all of them.
    """
    before: uint256 = staticcall TOKEN.balanceOf(self)
    assert extcall TOKEN.transferFrom(
        msg.sender, self, amount, default_return_value=True
    ), "custody: transfer failed"
    assert staticcall TOKEN.balanceOf(self) == before + amount, "custody: fee on transfer"


@internal
def _release(units: uint256, worth: uint256):
    """
    @dev Claims and tokens leave together. Unbooked deficits make the winners' claims exceed the books until the
         liquidation ends; who asks for more than there is must wait for that.
    """
    assert units <= self._claims and worth <= self._backing, "custody: backing too small"
    self._claims -= units
    self._backing -= worth


@internal
def _repay(amount: uint256):
    """
    @dev One stream for all repayments; the books must be accrued.
    """
    now_wad_s: uint256 = block.timestamp * fixed_point.WAD
    remaining_wad_s: uint256 = max(self._vesting_end_wad_s, now_wad_s) - now_wad_s
    remaining_wad_s = linear_stream._joined_remaining_down(
        self._unvested, remaining_wad_s, amount, redemption.VESTING_S
    )
    self._unvested += amount
    self._vesting_end_wad_s = now_wad_s + remaining_wad_s
    log ICustody.Repaid(
        sender=msg.sender,
        amount=amount,
        unvested=self._unvested,
        vests_until=self._vesting_end_wad_s // fixed_point.WAD,
    )


@internal
def _send_fees(vault: address, tokens: uint256):
    """
    @dev The vault pulls, so that it counts what it gets.
    """
    if tokens == 0:
        return
    assert extcall TOKEN.approve(
        vault, tokens, default_return_value=True
    ), "custody: approve failed"
    extcall IInsuranceVault(vault).receive_fees(tokens)


@internal
def _accrue():
    """
    @dev Writes what has vested until now.
    """
    vesting: Vesting = self._vesting()
    self._vesting_since = block.timestamp
    if vesting.released == 0:
        return
    self._unvested -= vesting.released
    self._backing += vesting.released - vesting.surplus
    self._junior_due += vesting.surplus
    log ICustody.Vested(amount=vesting.released, surplus=vesting.surplus)


@internal
@view
def _vesting() -> Vesting:
    """
    @dev What has vested since the books were written, and how much of it would lift rho above one.
    """
    unvested: uint256 = self._unvested
    if unvested == 0:
        return empty(Vesting)
    since: uint256 = self._vesting_since
    remaining_wad_s: uint256 = self._vesting_end_wad_s - since * fixed_point.WAD
    released: uint256 = linear_stream._released_down(
        unvested, block.timestamp - since, remaining_wad_s
    )
    missing: uint256 = max(self._claims, self._backing) - self._backing
    return Vesting(released=released, surplus=released - min(released, missing))


@internal
@view
def _backing_now() -> uint256:
    """
    @dev B with what has vested until now.
    """
    vesting: Vesting = self._vesting()
    return self._backing + vesting.released - vesting.surplus


@internal
@view
def _counted() -> uint256:
    """
    @dev Wad of tokens that the books account for; vesting moves them inside this sum.
    """
    return self._backing + self._unvested + self._junior_due + self._senior_due


@internal
@view
def _uncounted(balance: uint256) -> uint256:
    """
    @dev What somebody sent here outside of any function; 0 if the token has taken something away.
    """
    counted: uint256 = self._counted()
    return max(balance, counted) - counted


@internal
@view
def _senior_share_down(fees: uint256) -> uint256:
    """
    @dev The senior vault's part of the insurance fees, by capital at risk.
    """
    if fees == 0:
        return 0
    junior_assets: uint256 = staticcall IInsuranceVault(self.junior).totalAssets()
    senior_assets: uint256 = staticcall IInsuranceVault(self.senior).totalAssets()
    if senior_assets == 0:
        return 0
    return fixed_point._mul_div_down(fees, senior_assets, junior_assets + senior_assets)
