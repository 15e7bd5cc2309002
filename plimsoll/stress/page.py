"""The page that a risk committee reads: one HTML file with its pictures inside."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plimsoll.report.grid import bullets, page, picture
from plimsoll.stress import pictures
from plimsoll.stress.draws import SweepPlan
from plimsoll.stress.findings import Findings, part_of, whole
from plimsoll.stress.grids import chance, recommended, scenario_grids, sweep_grids
from plimsoll.stress.measures import CENT
from plimsoll.stress.outcome import Outcome
from plimsoll.stress.report import Run
from plimsoll.units import RAY, percent


def write_page(run: Run, path: Path) -> None:
    """The whole page."""
    short = "".join(f"<li>{line}</li>" for line in in_short(run))
    body = [
        "<h1>Plimsoll: stress report</h1>",
        f"<p class=note>Made by <code>{html.escape(run.command)}</code>. {_WHAT_IT_IS}</p>",
        "<h2>In short</h2>",
        f"<ul>{short}</ul>",
        *_scenarios(run.outcomes),
    ]
    if run.plan is not None and run.found is not None:
        body += _sweep(run, run.plan, run.found)
    body += ["<h2>What this does not say</h2>", bullets(limits_of_this(run))]
    path.write_text(page("Plimsoll: stress report", body), encoding="utf-8")


def in_short(run: Run) -> list[str]:
    """The findings in sentences, as HTML."""
    lines = _scenarios_in_short(run.outcomes) if run.outcomes else []
    if run.plan is not None and run.found is not None:
        lines += _sweep_in_short(run.plan, run.found)
    return lines


def _scenarios_in_short(outcomes: Sequence[Outcome]) -> list[str]:
    failed = [outcome.key for outcome in outcomes if outcome.failures]
    verdict = f"Other than expected: {', '.join(failed)}." if failed else "All went as expected."
    return [
        f"{len(outcomes)} named scenarios. The books of all reconcile to the token unit. {verdict}",
        *(
            f"A shortfall was reached in “{html.escape(outcome.title)}”: "
            f"{whole(outcome.figures['shortfall'])} quote units, after which a claim is worth "
            f"{percent(outcome.figures['redemption_rate'], RAY)} of a token."
            for outcome in outcomes
            if outcome.figures["shortfall"] >= CENT
        ),
    ]


def _sweep_in_short(plan: SweepPlan, found: Findings) -> list[str]:
    everybody, capital = found.groups[-1], found.capital.needed
    kappas = ", ".join(f"{kappa.market} {recommended(kappa)}" for kappa in found.kappas)
    lines = [
        (
            f"{found.runs} random days (seed {found.seed}): winners paid a part with a probability "
            f"of {chance(everybody.haircut.value)} a day, everybody with "
            f"{chance(everybody.shortfall.value)}."
        ),
        (
            f"Capital of {part_of(plan, capital.value):.1%} of open interest (nine in ten: "
            f"{part_of(plan, capital.low):.1%} to {part_of(plan, capital.high):.1%}) pays all but "
            "one day in 1,000 within the limits of the layers."
        ),
        f"Recommended kappa, at the cautious end of its interval: {kappas}.",
    ]
    if not found.claims_quantile:
        lines.append(
            f"<span class=bad>Only {found.beyond} runs are rarer than one day in 1,000: too few to "
            "rest capital or kappa on. Run more.</span>"
        )
    return lines


def limits_of_this(run: Run) -> list[str]:
    """What cannot be claimed."""
    lines = list(_NOT_SAID)
    if run.plan is not None and run.found is not None:
        rarest = f"one in {1 / run.plan.deepest:,.0f}"
        lines += [
            *_NOT_SAID_OF_DAYS,
            (
                f"{run.found.beyond} of {run.found.runs} runs are rarer than one day in 1,000. "
                f"Nothing is claimed of days rarer than {rarest}, which are not drawn."
            ),
        ]
    return lines


_WHAT_IT_IS: Final = (
    "Every run is the deployed bytecode on a chain in this process. Accounts, capital and gaps are "
    "invented: the figures say what the protocol does under these assumptions, not how probable "
    "they are in the world."
)
_NOT_SAID: Final = (
    (
        "A guarantee comes on top of what a client has paid in. Brokers also bring more leverage, "
        "and so larger losses, which is not here. Who has a broker is an assumption of each file."
    ),
    (
        "Stress factors and holds begin after the opening, with a market that was calm. Where a "
        "scenario does without caps by insurance capital, they would have refused its positions."
    ),
    (
        "Traders do not react, except where a scenario says so. Nobody adds margin, and prices do "
        "not follow from what the protocol does."
    ),
    (
        "Keepers look every half minute (on random days every two minutes) and have no costs; "
        "blocks are never full."
    ),
)
_NOT_SAID_OF_DAYS: Final = (
    (
        "How large a gap of one day in 100 or in 1,000 is, is an assumption. The intervals hold "
        "chance in the draws, not doubt about the assumption."
    ),
    (
        "All markets gap together and equally rarely, which overstates what they need together. "
        "Kappa is of a market that gaps alone."
    ),
    (
        "With little capital a bankrupt account is resolved at once, with more its auction goes on "
        "while prices fall: debts depend on the capital. The replays show by how much."
    ),
)


def _scenarios(outcomes: Sequence[Outcome]) -> list[str]:
    if not outcomes:
        return []
    parts = ["<h2>Named scenarios</h2>", picture(pictures.who_paid(outcomes), "who paid")]
    parts += [grid.as_html() for grid in scenario_grids(outcomes)]
    for outcome in outcomes:
        parts += _one(outcome)
    return parts


def _one(outcome: Outcome) -> list[str]:
    """A scenario's own part."""
    expected = "; ".join(expectation.text for expectation in outcome.expect) or "nothing"
    refused = ", ".join(f"{what} ({times})" for what, times in outcome.refusals.items())
    note = (
        f"Terms off: {', '.join(outcome.terms_off) or 'none'}. Expected: {expected}. "
        f"Refused by the contracts: {refused or 'nothing'}. Capital before: "
        f"junior {whole(outcome.capital[0])}, senior {whole(outcome.capital[1])}; open interest "
        f"{whole(outcome.open_interest)} a side."
    )
    return [
        f"<h3>{html.escape(outcome.title)}</h3>",
        f"<p>{html.escape(outcome.about)}</p>",
        *(f"<p class=bad>Not as expected: {html.escape(text)}</p>" for text in outcome.failures),
        f"<p class=note>{html.escape(note)}</p>",
        picture(pictures.course(outcome), outcome.key),
    ]


def _sweep(run: Run, plan: SweepPlan, found: Findings) -> list[str]:
    note = (
        f"{found.runs} days with {plan.accounts} accounts in {len(plan.markets)} markets, open "
        f"interest {whole(plan.open_interest)} a side. Rare days are drawn as often as common ones "
        "and weighted back. Whether winners pay is told by the capital alone on "
        f"{found.agree.value:.0%} of the days without brokers. Terms off: "
        f"{', '.join(plan.switches.off) or 'none'}."
    )
    return [
        "<h2>Random days</h2>",
        f"<p>{html.escape(plan.about)}</p>",
        f"<p>{html.escape(note)}</p>",
        *(grid.as_html() for grid in sweep_grids(plan, found)),
        picture(pictures.capital_curve(plan, run.days, found), "capital"),
        picture(pictures.gaps_and_deficits(plan, run.days), "gaps and deficits"),
    ]
