# pragma version 0.4.3
# pragma optimize codesize
"""
@title Timelock: the owner of every contract with parameters
@notice snekmate's timelock controller with a fixed floor under its delay. It administers itself: there is no
        admin, and anybody may execute what the proposer scheduled once the delay is over.
"""

# modules
from snekmate.auth import access_control
from snekmate.governance import timelock_controller

initializes: access_control
initializes: timelock_controller[access_control := access_control]

# Left out: `update_delay` (below, with a floor), and the receivers of ERC-721 and ERC-1155 tokens.
exports: (
    timelock_controller.supportsInterface,
    timelock_controller.hasRole,
    timelock_controller.getRoleAdmin,
    timelock_controller.grantRole,
    timelock_controller.revokeRole,
    timelock_controller.renounceRole,
    timelock_controller.set_role_admin,
    timelock_controller.DEFAULT_ADMIN_ROLE,
    timelock_controller.PROPOSER_ROLE,
    timelock_controller.EXECUTOR_ROLE,
    timelock_controller.CANCELLER_ROLE,
    timelock_controller.get_timestamp,
    timelock_controller.get_minimum_delay,
    timelock_controller.is_operation,
    timelock_controller.is_operation_pending,
    timelock_controller.is_operation_ready,
    timelock_controller.is_operation_done,
    timelock_controller.get_operation_state,
    timelock_controller.hash_operation,
    timelock_controller.hash_operation_batch,
    timelock_controller.schedule,
    timelock_controller.schedule_batch,
    timelock_controller.cancel,
    timelock_controller.execute,
    timelock_controller.execute_batch,
)


# constants
DELAY_MIN: constant(uint256) = 48 * 3_600  # seconds


@deploy
def __init__(proposer: address):
    """
    @dev Starts at the floor, with one proposer, who may also cancel, and open execution.
    """
    assert proposer != empty(address), "timelock: zero proposer"
    access_control.__init__()
    timelock_controller.__init__(DELAY_MIN, [proposer], [empty(address)], empty(address))


@external
def update_delay(new_delay: uint256):
    """
    @notice Changes the delay in seconds. Only by an operation of the timelock itself.
    """
    assert msg.sender == self, "timelock: only itself"
    assert new_delay >= DELAY_MIN, "timelock: delay too short"
    log timelock_controller.MinimumDelayChange(
        old_duration=timelock_controller.get_minimum_delay, new_duration=new_delay
    )
    timelock_controller.get_minimum_delay = new_delay
