"""What a replay found, in sentences whose figures are computed, and what it cannot say."""

from __future__ import annotations

import math

from plimsoll.replay.bankrupt import JUMP_PPM
from plimsoll.replay.outcome import PolicyOutcome
from plimsoll.replay.policies import middle
from plimsoll.replay.population import MARK
from plimsoll.replay.report import Replay
from plimsoll.replay.tables import dust, millions, share, sponsored_example
from plimsoll.replay.venue import IM_PPM
from plimsoll.units import PPM, WAD, div_down, percent, rounded


def findings(replay: Replay) -> tuple[str, ...]:
    """The result in a few sentences, the most important first."""
    plain, venue = replay.plain, replay.venue
    said = (
        *_scale(replay),
        f"""In {len(plain.rounds)} waves {millions(plain.needed)} M had to be covered. By the
        published reconstruction the venue took {millions(venue.taken)} M:
        {millions(venue.over)} M too much in some waves and {millions(venue.under)} M too little
        in others, net {millions(venue.net)} M too much.""",
        _exactness(plain),
        _largest(replay),
        _hit(replay),
        _luck(replay),
        _places(plain),
        *(_insured(outcome) for outcome in replay.outcomes if _only_insured(outcome)),
        *_brokers(replay),
        _gas(replay),
        _recirculated(replay),
    )
    return tuple(_joined(sentence) for sentence in said)


def _joined(text: str) -> str:
    """A text without the line breaks of its source."""
    return " ".join(text.split())


def _scale(replay: Replay) -> tuple[str, ...]:
    """What to know first about a day with fewer accounts."""
    day = replay.day
    if day.scale == 1:
        return ()
    scale = percent(math.floor(day.scale * WAD), WAD)
    return (
        f"""This is a small copy of the day, for a quick look: {len(day.holdings):,} accounts with
        {scale} of the profit. What had to be covered, what the venue took, and what insurance holds
        are shrunk to that scale, though their names and sources speak of the whole.""",
    )


def _exactness(plain: PolicyOutcome) -> str:
    worst = max(abs(one.taken - one.needed) for one in plain.rounds)
    return f"""Plimsoll with the waterfall off took {millions(plain.taken)} M from winners, in no
        wave more than {dust(worst)} dollars away from what was needed. The two vaults, which are
        never quite empty, paid {dust(plain.insurance)} dollars; with these it is net
        {dust(plain.net)} dollars beyond what was needed."""


def _largest(replay: Replay) -> str:
    worst = max(replay.plain.rounds, key=lambda one: one.largest)
    published = next(one for one in replay.settings.published if one.wave == worst.wave)
    asked = share(div_down(worst.needed * WAD, max(1, worst.available)))
    few = "" if replay.day.scale == 1 else " and so few accounts do not fill every market"
    return f"""Its largest haircut of a wave is {share(worst.largest)}, in wave {worst.wave}, where
        {asked} of the profit was needed. Continuous pro rata on the published profit of that wave
        takes {share(published.pro_rata)}; here earlier waves had taken or re-matched a part of
        the same winners' profit{few}."""


def _hit(replay: Replay) -> str:
    parts = (
        f"{outcome.title}: {outcome.accounts:,} accounts, at most {share(outcome.largest)}"
        for outcome in replay.outcomes
        if outcome.accounts is not None and not outcome.insured and outcome.sponsored is None
    )
    return f"""Who paid, and the largest part of anyone's profit over the whole day:
        {"; ".join(parts)}."""


def _luck(replay: Replay) -> str:
    low, high = millions(replay.luck[0]), millions(replay.luck[-1])
    return f"""The queue's overshoot is luck: had the same accounts been dealt to the markets in
        {len(replay.luck)} other ways, it would lie between {low} M and {high} M net, half of them
        below {millions(middle(replay.luck))} M. It is what the last account of a wave had beyond
        the loss, and one account can have a lot."""


def _places(plain: PolicyOutcome) -> str:
    rematched = sum(one.rematched or 0 for one in plain.rounds)
    broken = percent(plain.broken or 0, max(1, plain.hedged or 0), 1)
    return f"""Positions are another matter: re-matching the bankrupt positions at the mark took a
        part of {rematched:,} positions, waves added up, and broke {broken} of the books assumed to
        be hedged. At the mark that costs no money, but it costs the position."""


def _insured(outcome: PolicyOutcome) -> str:
    part = percent(outcome.taken, max(1, outcome.needed), 1)
    return f"""{outcome.title}: the vaults paid {millions(outcome.insurance)} M, winners
        {millions(outcome.taken)} M ({part} of what was needed), nobody
        {millions(outcome.shortfall)} M."""


def _only_insured(outcome: PolicyOutcome) -> bool:
    return bool(outcome.insured) and outcome.sponsored is None


def _brokers(replay: Replay) -> tuple[str, ...]:
    """What brokers change, by how many accounts are assumed to have one."""
    said = []
    for outcome in replay.outcomes:
        one = outcome.sponsored
        if one is None:
            continue
        vaults = f"the vaults {millions(outcome.insurance)} M, " if outcome.insured else ""
        said.append(
            f"""{outcome.title}: {one.clients} of {one.bankrupt} bankrupt accounts, with
            {percent(one.loss, max(1, outcome.needed), 0)} of the losses, have a guarantee,
            {millions(one.guarantees)} M in all. Guarantees paid {millions(outcome.brokers)} M,
            {vaults}the guaranty fund {millions(outcome.fund)} M, winners
            {millions(outcome.taken)} M, nobody {millions(outcome.shortfall)} M. The brokers'
            operators lost {millions(outcome.stakes)} M of {millions(one.stakes)} M, their
            depositors {millions(outcome.pools)} M of {millions(one.pools)} M; {one.failed} of
            {replay.settings.brokers.number} brokers failed."""
        )
    return tuple(said)


def _gas(replay: Replay) -> str:
    rounds = replay.plain.rounds
    least = min(rounds, key=lambda one: one.resolve_gas or 0)
    most = max(rounds, key=lambda one: one.resolve_gas or 0)
    start = max((one.start_gas or 0) // (one.bankrupt or 1) for one in rounds)
    return f"""Gas of a wave's calls of resolve lies between {least.resolve_gas or 0:,} (wave
        {least.wave}: {least.buckets or 0:,} buckets, {least.accounts:,} accounts charged) and
        {most.resolve_gas or 0:,} (wave {most.wave}: {most.buckets or 0:,} buckets,
        {most.accounts:,} accounts): it follows the buckets, not the accounts in them. Starting a
        liquidation comes on top, once for each bankrupt account: {start:,} each in the dearest
        wave, {replay.plain.start_gas or 0:,} in the whole day."""


def _recirculated(replay: Replay) -> str:
    parts = (
        f"{outcome.title} {millions(outcome.recirculation)} M"
        for outcome in replay.outcomes
        if outcome.recirculation is not None
    )
    return f"""Recirculation, haircuts paid by accounts that thereby have less than nothing:
        {"; ".join(parts)}."""


def limits(replay: Replay) -> tuple[str, ...]:
    """What a reader must know before using the figures."""
    settings = replay.settings
    hedged, broken = percent(settings.hedged_ppm, PPM, 0), percent(settings.broken_ppm, PPM, 0)
    said = (
        """Prices and winners stand still within a wave and between waves (partial equilibrium):
        nobody trades, leaves, or reacts to what a policy does.""",
        f"""What the venue took is a published reconstruction: the equity of the wave's winners at
        its end, with and without ADL, at the last traded prices. It contains what the closed
        positions would still have won within the wave, and so it is not the measure used for the
        policies here, which is money charged at a fixed mark. {_largest_part(replay.venue)} A
        re-matched account of Plimsoll would miss later gains of its position in the same way;
        that is not counted here.""",
        """The loss to be covered is the gap between mark and execution price, times the quantity,
        of every ADL fill. It is not the deficit of the losers: that column of the data repeats one
        account's 10.9 M in 9 of 16 waves, and is not used.""",
        """The published largest haircuts are parts of a winner's equity, ours of its profit.
        Continuous pro rata takes needed / profit, profit counted up to equity, from everybody: that
        is the column needed / profit, and the published figure falls short of it where no
        winner's equity is all profit.""",
        """The data holds only accounts that the venue deleveraged. Other winners, who would pay
        under a pro rata rule as well, are missing, so real shares would be smaller.""",
        """The per-account file does not say in which wave, nor in which coins, an account was
        closed. Accounts are dealt at random to invented markets, nested so that every wave reaches
        as much profit as was published for it, less what earlier waves took. A wave's haircut can
        therefore be compared with the published share; who is in which wave is invented.""",
        f"""Each account is one position with the published notional and profit. The losing side is
        invented, for the data has no full order flow: twenty times levered, caught by a gap of
        {percent(JUMP_PPM, PPM, 0)}, its positions are {rounded(_size_by_loss(), 1)} times its loss.
        The venue closed far larger positions for the same loss, so re-matching and hedges broken
        by it are too small here.""",
        """The waves go straight to deleveraging. In the protocol a bankrupt account is offered to
        volunteers first, and what they take over never reaches this stage.""",
        _dropped(replay.plain),
        f"""Who is hedged is an assumption: a seeded draw makes {hedged} of the accounts
        delta-neutral books, and a hedge counts as broken when more than {broken} of the position
        is gone.""",
        """Queue, pro rata on size and pro rata on profit are simulations in Python on the same
        accounts. The queue takes whole accounts with their whole profit; the venue closed contracts
        at bankruptcy prices. A simulated haircut is a part of the position closed at its entry, and
        who takes over the losers' positions is not simulated: their hedges broken count what the
        haircut closed, those of Plimsoll what re-matching closed.""",
        *_brokers_assumed(replay),
        """Markets here have no stress factors, holds, caps by insurance capital or surcharge for
        concentration. The positions are those that were there: a cap would refuse their opening,
        and what a cap prevents is another question. Nobody trades or withdraws during the waves,
        which is what factors and holds act on; resolve asks neither.""",
    )
    return tuple(_joined(sentence) for sentence in said)


def _brokers_assumed(replay: Replay) -> tuple[str, ...]:
    if sponsored_example(replay) is None:
        return ()
    return (
        f"""Who had a broker is an assumption, at {_parts_assumed(replay)} of the bankrupt accounts,
        drawn by seed; every smaller part is within the larger ones. Losses of single accounts
        differ much, so a part of the accounts is not the same part of the losses.
        {replay.settings.brokers_about}""",
        """A guarantee is agreed the evening before, in proportion to the loss that the account
        would have, had earlier waves taken nothing. Where the loss turns out smaller than the
        guarantee, the operator ends the shield, to which its client agreed. Brokers' other
        clients, calls that run their time, and refilling the fund have no part: everything
        happens within minutes.""",
    )


def _parts_assumed(replay: Replay) -> str:
    parts = sorted({one.sponsored_ppm for one in replay.settings.policies if one.sponsored_ppm})
    return ", ".join(percent(part, PPM, 0) for part in parts)


def _size_by_loss() -> int:
    """Notional of an invented loser at the mark, for each dollar of loss; wad."""
    top = div_down(MARK * PPM, PPM - JUMP_PPM)
    return div_down(MARK * WAD, div_down(top * (PPM - IM_PPM), PPM) - MARK)


def _largest_part(venue: PolicyOutcome) -> str:
    worst = max(venue.rounds, key=lambda one: one.overshoot)
    if venue.net <= 0:
        return ""
    part = percent(div_down(worst.overshoot * WAD, venue.net), WAD, 0)
    return f"Wave {worst.wave} alone is {part} of the net figure."


def _dropped(plain: PolicyOutcome) -> str:
    if not plain.dropped:
        return "Every account could be opened on chain with the leverage that the data gives it."
    reasons = "; ".join(f"{number:,} {reason}" for reason, number in plain.dropped.items())
    return f"""Some accounts are not on chain as they are in the data: {reasons}. All policies meet
        the accounts as they are on chain, so there is less recirculation than with the data's."""
