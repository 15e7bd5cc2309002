# pragma version 0.4.3
"""
@title Brokers: their vaults, their operators, and what each may do
@notice Anybody opens a vault and becomes its operator. A vault may sponsor once it has a seat, which takes a complete contribution
        to the guaranty fund. A seat ends only when the broker sponsors nobody, a week after it said so, and not
        while a loss waits to be paid: who leaves stays liable for what began before.

            open_vault -> OPENED -> join -> ACTIVE <-> SUSPENDED (contribution overdue)
            ACTIVE, SUSPENDED -> leave -> LEAVING -> retire -> LEFT
            any seat -> FAILED (others paid for its clients) -> retire -> LEFT
            SUSPENDED for 30 days -> retire -> LEFT
@dev    Vaults come from one blueprint (ERC-5202), so that whoever meets a broker knows its code.
"""

from interfaces import IBrokerRegistry
from interfaces import IBrokerVault
from interfaces import IGuarantyFund
from interfaces import IWaterfall

implements: IBrokerRegistry

MAX_BROKERS: constant(uint256) = 32
LEAVE_S: constant(uint256) = 7 * 86400
SUSPENDED_S: constant(uint256) = 30 * 86400
BLUEPRINT_PREAMBLE: constant(uint256) = 3  # bytes

DEPLOYER: immutable(address)
ASSET: public(immutable(address))
CUSTODY: public(immutable(address))
ESCROW: public(immutable(address))
BLUEPRINT: public(immutable(address))

sponsorship: public(address)
fund: public(address)
waterfall: public(IWaterfall)
operator_of: public(HashMap[address, address])
_states: HashMap[address, IBrokerRegistry.State]
_since: HashMap[address, uint256]
_members: DynArray[address, MAX_BROKERS]


@deploy
def __init__(asset: address, custody: address, escrow: address, blueprint: address):
    assert empty(address) not in [asset, custody, escrow, blueprint], "wire: zero address"
    DEPLOYER = msg.sender
    ASSET = asset
    CUSTODY = custody
    ESCROW = escrow
    BLUEPRINT = blueprint


@external
def wire(sponsorship: address, fund: address, waterfall: address):
    assert msg.sender == DEPLOYER, "wire: only deployer"
    assert self.sponsorship == empty(address), "wire: already done"
    assert empty(address) not in [sponsorship, fund, waterfall], "wire: zero address"
    self.sponsorship = sponsorship
    self.fund = fund
    self.waterfall = IWaterfall(waterfall)


# --- seats -------------------------------------------------------------------------------


@external
@nonreentrant
def open_vault(name: String[25], symbol: String[5], terms: IBrokerVault.Terms) -> address:
    assert self.sponsorship != empty(address), "registry: not wired"
    broker: address = create_from_blueprint(
        BLUEPRINT,
        name,
        symbol,
        ASSET,
        CUSTODY,
        ESCROW,
        msg.sender,
        terms,
        self.sponsorship,
        self.fund,
        self.waterfall,
        code_offset=BLUEPRINT_PREAMBLE,
    )
    self.operator_of[broker] = msg.sender
    log IBrokerRegistry.BrokerOpened(broker=broker, operator=msg.sender, terms=terms)
    self._set_state(broker, IBrokerRegistry.State.OPENED)
    return broker


@external
@nonreentrant
def join(broker: address):
    assert self._states[broker] == IBrokerRegistry.State.OPENED, "registry: not open"
    self._only_operator(broker)
    assert len(self._members) < MAX_BROKERS, "registry: no seat"
    self._members.append(broker)
    self._set_state(broker, IBrokerRegistry.State.ACTIVE)
    extcall IGuarantyFund(self.fund).fill(broker)


@external
@nonreentrant
def suspend(broker: address):
    assert self._states[broker] == IBrokerRegistry.State.ACTIVE, "registry: not active"
    assert staticcall IGuarantyFund(self.fund).is_overdue(broker), "fund: not overdue"
    self._set_state(broker, IBrokerRegistry.State.SUSPENDED)


@external
@nonreentrant
def reinstate(broker: address):
    assert self._states[broker] == IBrokerRegistry.State.SUSPENDED, "registry: not suspended"
    assert staticcall IGuarantyFund(self.fund).is_filled(broker), "fund: contribution too low"
    self._set_state(broker, IBrokerRegistry.State.ACTIVE)


@external
@nonreentrant
def fail(broker: address):
    assert msg.sender == self.fund, "access: not fund"
    if self._states[broker] != IBrokerRegistry.State.FAILED:
        self._set_state(broker, IBrokerRegistry.State.FAILED)


@external
@nonreentrant
def leave(broker: address):
    self._only_operator(broker)
    assert (
        self._states[broker] in (IBrokerRegistry.State.ACTIVE | IBrokerRegistry.State.SUSPENDED)
    ), "registry: no member"
    self._set_state(broker, IBrokerRegistry.State.LEAVING)


@external
@nonreentrant
def retire(broker: address):
    state: IBrokerRegistry.State = self._states[broker]
    wait_s: uint256 = LEAVE_S
    if state == IBrokerRegistry.State.SUSPENDED:
        # a seat that nobody fills is not kept for ever
        assert not staticcall IGuarantyFund(self.fund).is_filled(broker), "registry: not leaving"
        wait_s = SUSPENDED_S
    else:
        assert (
            state in (IBrokerRegistry.State.LEAVING | IBrokerRegistry.State.FAILED)
        ), "registry: not leaving"
    assert staticcall IBrokerVault(broker).client_locks() == 0, "registry: sponsors clients"
    assert block.timestamp >= self._since[broker] + wait_s, "registry: too early"
    assert not staticcall self.waterfall.exits_blocked(), "registry: loss pending"
    last: address = self._members.pop()
    for i: uint256 in range(len(self._members), bound=MAX_BROKERS):
        if self._members[i] == broker:
            self._members[i] = last
            break
    self._set_state(broker, IBrokerRegistry.State.LEFT)
    extcall IGuarantyFund(self.fund).release(broker)


# --- views -------------------------------------------------------------------------------


@external
@view
def state_of(broker: address) -> (IBrokerRegistry.State, uint256):
    return self._states[broker], self._since[broker]


@external
@view
def is_active(broker: address) -> bool:
    return self._states[broker] == IBrokerRegistry.State.ACTIVE


@external
@view
def takes_deposits(broker: address) -> bool:
    return self._states[broker] in (
        IBrokerRegistry.State.OPENED
        | IBrokerRegistry.State.ACTIVE
        | IBrokerRegistry.State.SUSPENDED
    )


@external
@view
def members() -> DynArray[address, MAX_BROKERS]:
    return self._members


# --- internals ---------------------------------------------------------------------------


@internal
def _set_state(broker: address, state: IBrokerRegistry.State):
    """
    @dev The only writer of states, so that `since` is always the time of the last change.
    """
    self._states[broker] = state
    self._since[broker] = block.timestamp
    log IBrokerRegistry.StateChanged(broker=broker, state=state)


@internal
@view
def _only_operator(broker: address):
    """
    @dev Who opened the vault.
    """
    assert msg.sender == self.operator_of[broker], "access: not operator"
