# pragma version 0.4.3
# pragma optimize gas
"""
@title Mark price: median of one to five Chainlink-compatible feeds
@notice Rules, units and errors: IPriceOracle.vyi. Each feed is one storage word; the first word of
        a market also carries the market's own numbers, so one feed costs one slot.

        bits    0..159  160..191   192..199  200..223   224..227  228..231  232..255
        field   source  staleness  decimals  heartbeat  count     quorum    max deviation (ppm)
                                                        (the last three in the first word only)
"""

from interfaces import IPriceOracle

from contracts._lib import feed_median
from snekmate.auth import ownable

implements: IPriceOracle
initializes: ownable

exports: (
    # left out: `renounce_ownership`, feeds must stay replaceable
    ownable.owner,
    ownable.transfer_ownership,
)

MARKET_MAX: constant(uint256) = 255
FEEDS_MAX: constant(uint256) = 5
DECIMALS_MAX: constant(uint256) = 18
HEARTBEAT_MAX: constant(uint256) = 2 * 86_400
STALENESS_MAX: constant(uint256) = 3 * 86_400
DEVIATION_MIN_PPM: constant(uint256) = 1_000
DEVIATION_MAX_PPM: constant(uint256) = 100_000

# A feed's allowance, some ten times what a Chainlink proxy with its aggregator needs.
FEED_GAS: constant(uint256) = 100_000
# A call gets at most 63/64 of what is left; with this much left it got its whole allowance.
FEED_GAS_PROOF: constant(uint256) = FEED_GAS * 64 // 63 + 1
ROUND_SIZE: constant(uint256) = 160

# The uptime feed of a rollup's sequencer; the zero address on a chain without one.
SEQUENCER: public(immutable(address))

words: public(HashMap[uint256, uint256[FEEDS_MAX]])  # market -> feeds


@deploy
def __init__(sequencer: address):
    """
    @dev Asks the feed once: a wrong address shows here and not in an outage.
    """
    ownable.__init__()
    SEQUENCER = sequencer
    if sequencer != empty(address):
        assert self._sequencer_status(sequencer)[0], "sequencer: no answer"


@external
def set_market(
    market: uint256,
    feeds: DynArray[IPriceOracle.Feed, FEEDS_MAX],
    quorum: uint256,
    max_deviation_ppm: uint256,
):
    ownable._check_owner()
    self._set_market(market, feeds, quorum, max_deviation_ppm)


@external
@view
def read(market: uint256) -> (uint256, bool):
    head: uint256 = self.words[market][0]
    if head == 0:
        return 0, False
    if SEQUENCER != empty(address) and self._sequencer_status(SEQUENCER)[1] == 0:
        return 0, False

    count: uint256 = self._count(head)
    price: uint256 = 0
    updated_at: uint256 = 0
    status: IPriceOracle.FeedStatus = empty(IPriceOracle.FeedStatus)
    if count == 1:
        # a feed alone is its own median, and its quorum is 1
        price, updated_at, status = self._observe(head)
        if status == IPriceOracle.FeedStatus.ACCEPTED:
            return price, True
        return 0, False

    prices: DynArray[uint256, FEEDS_MAX] = []
    for i: uint256 in range(count, bound=FEEDS_MAX):
        price, updated_at, status = self._observe(self.words[market][i])
        if status == IPriceOracle.FeedStatus.ACCEPTED:
            prices.append(price)
    verdict: feed_median.Verdict = feed_median._decide(
        prices, self._quorum(head), self._max_deviation_ppm(head)
    )
    return verdict.price, verdict.ok


@external
@view
def resumed_at() -> uint256:
    if SEQUENCER == empty(address):
        return 0
    since: uint256 = self._sequencer_status(SEQUENCER)[1]
    return since if since != 0 else max_value(uint256)


@external
@view
def feed_count(market: uint256) -> uint256:
    return self._count(self.words[market][0])


@external
@view
def feeds(market: uint256) -> DynArray[IPriceOracle.FeedInfo, FEEDS_MAX]:
    infos: DynArray[IPriceOracle.FeedInfo, FEEDS_MAX] = []
    for i: uint256 in range(self._count(self.words[market][0]), bound=FEEDS_MAX):
        word: uint256 = self.words[market][i]
        infos.append(
            IPriceOracle.FeedInfo(
                source=self._source(word),
                heartbeat=self._heartbeat(word),
                staleness=self._staleness(word),
                decimals=self._decimals(word),
            )
        )
    return infos


@external
@view
def agreement(market: uint256) -> (uint256, uint256):
    head: uint256 = self.words[market][0]
    return self._quorum(head), self._max_deviation_ppm(head)


@external
@view
def observations(market: uint256) -> DynArray[IPriceOracle.Observation, FEEDS_MAX]:
    head: uint256 = self.words[market][0]
    if head == 0:
        return []

    seen: DynArray[IPriceOracle.Observation, FEEDS_MAX] = []
    prices: DynArray[uint256, FEEDS_MAX] = []
    for i: uint256 in range(self._count(head), bound=FEEDS_MAX):
        word: uint256 = self.words[market][i]
        price: uint256 = 0
        updated_at: uint256 = 0
        status: IPriceOracle.FeedStatus = empty(IPriceOracle.FeedStatus)
        price, updated_at, status = self._observe(word)
        if status == IPriceOracle.FeedStatus.ACCEPTED:
            prices.append(price)
        age: uint256 = 0
        if updated_at != 0 and updated_at <= block.timestamp:
            age = block.timestamp - updated_at
        seen.append(
            IPriceOracle.Observation(source=self._source(word), price=price, age=age, status=status)
        )

    verdict: feed_median.Verdict = feed_median._decide(
        prices, self._quorum(head), self._max_deviation_ppm(head)
    )
    for i: uint256 in range(len(seen), bound=FEEDS_MAX):
        if seen[i].status == IPriceOracle.FeedStatus.ACCEPTED and (
            seen[i].price < verdict.lowest or seen[i].price > verdict.highest
        ):
            seen[i].status = IPriceOracle.FeedStatus.OUTLIER
    return seen


@internal
def _set_market(
    market: uint256,
    feeds: DynArray[IPriceOracle.Feed, FEEDS_MAX],
    quorum: uint256,
    max_deviation_ppm: uint256,
):
    """
    @dev Checks the bounds and stores; words past the last feed are cleared.
         A majority as quorum: a minority of the feeds can never make the price alone.
    """
    assert market != 0 and market <= MARKET_MAX, "market: id out of range"
    count: uint256 = len(feeds)
    assert count != 0, "feeds: none given"
    assert quorum <= count, "quorum: above feed count"
    assert 2 * quorum > count, "quorum: not a majority"
    assert (
        max_deviation_ppm >= DEVIATION_MIN_PPM and max_deviation_ppm <= DEVIATION_MAX_PPM
    ), "deviation: out of bounds"

    header: uint256 = (count << 224) | (quorum << 228) | (max_deviation_ppm << 232)
    for i: uint256 in range(FEEDS_MAX):
        if i >= count:
            self.words[market][i] = 0
            continue
        for j: uint256 in range(i, bound=FEEDS_MAX):
            assert feeds[j].source != feeds[i].source, "feed: duplicate"
        self.words[market][i] = self._checked_word(feeds[i]) | header
        header = 0

    log IPriceOracle.FeedsSet(
        market=market, feeds=feeds, quorum=quorum, max_deviation_ppm=max_deviation_ppm
    )


@internal
@view
def _checked_word(feed: IPriceOracle.Feed) -> uint256:
    """
    @dev Packs a feed after asking it once: a wrong address shows here and not in a crash.
    """
    assert (
        feed.heartbeat != 0 and feed.heartbeat <= HEARTBEAT_MAX
    ), "feed: heartbeat out of bounds"
    assert feed.staleness <= STALENESS_MAX, "feed: staleness too long"
    assert 2 * feed.staleness >= 3 * feed.heartbeat, "feed: staleness too short"

    success: bool = False
    response: Bytes[32] = b""
    success, response = raw_call(
        feed.source,
        method_id("decimals()"),
        max_outsize=32,
        gas=FEED_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert success and len(response) == 32, "feed: no decimals"
    decimals: uint256 = convert(response, uint256)
    assert decimals <= DECIMALS_MAX, "feed: more than 18 decimals"

    word: uint256 = (
        convert(feed.source, uint256)
        | (feed.staleness << 160)
        | (decimals << 192)
        | (feed.heartbeat << 200)
    )
    price: uint256 = 0
    updated_at: uint256 = 0
    status: IPriceOracle.FeedStatus = empty(IPriceOracle.FeedStatus)
    price, updated_at, status = self._observe(word)
    assert price != 0, "feed: no valid answer"
    return word


@internal
@view
def _observe(word: uint256) -> (uint256, uint256, IPriceOracle.FeedStatus):
    """
    @dev Price (wad), update time and status of one feed by itself. Only the first 160 bytes of
         the answer are copied. `answeredInRound` is deprecated by Chainlink and ignored.
    """
    success: bool = False
    response: Bytes[ROUND_SIZE] = b""
    success, response = raw_call(
        self._source(word),
        method_id("latestRoundData()"),
        max_outsize=ROUND_SIZE,
        gas=FEED_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(response) < ROUND_SIZE:
        # the failure counts only if the feed surely had its whole allowance
        assert msg.gas >= FEED_GAS_PROOF, "oracle: too little gas"
        return 0, 0, IPriceOracle.FeedStatus.UNREACHABLE

    price: uint256 = feed_median._to_wad(
        extract32(response, 32, output_type=int256), self._decimals(word)
    )
    updated_at: uint256 = extract32(response, 96, output_type=uint256)
    status: IPriceOracle.FeedStatus = feed_median._status(
        price, updated_at, self._staleness(word), block.timestamp
    )
    return price, updated_at, status


@internal
@view
def _sequencer_status(sequencer: address) -> (bool, uint256):
    """
    @dev Whether a sequencer's feed gives a round, asked like any feed, and since when the sequencer is up by it; 0: it is
         not. The feed answers 0 for up; the start of its round is the time of the last change, 0 for a round that
         is not valid.
    """
    success: bool = False
    response: Bytes[ROUND_SIZE] = b""
    success, response = raw_call(
        sequencer,
        method_id("latestRoundData()"),
        max_outsize=ROUND_SIZE,
        gas=FEED_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(response) < ROUND_SIZE:
        assert msg.gas >= FEED_GAS_PROOF, "oracle: too little gas"
        return False, 0
    started_at: uint256 = extract32(response, 64, output_type=uint256)
    if extract32(response, 32, output_type=int256) != 0 or started_at > block.timestamp:
        started_at = 0
    return True, started_at


@internal
@pure
def _source(word: uint256) -> address:
    return convert(word & convert(max_value(uint160), uint256), address)


@internal
@pure
def _staleness(word: uint256) -> uint256:
    return (word >> 160) & convert(max_value(uint32), uint256)


@internal
@pure
def _decimals(word: uint256) -> uint256:
    return (word >> 192) & convert(max_value(uint8), uint256)


@internal
@pure
def _heartbeat(word: uint256) -> uint256:
    return (word >> 200) & convert(max_value(uint24), uint256)


@internal
@pure
def _count(head: uint256) -> uint256:
    return (head >> 224) & 15


@internal
@pure
def _quorum(head: uint256) -> uint256:
    return (head >> 228) & 15


@internal
@pure
def _max_deviation_ppm(head: uint256) -> uint256:
    return head >> 232
