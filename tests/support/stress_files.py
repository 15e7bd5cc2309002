"""A good stress file, and every mistake that one could hold."""

from __future__ import annotations

GOOD = """
title = "A fall"
about = "Something falls."

[[markets]]
preset = "BTC"

[population]
accounts = 8
leverage = { 2 = 0.5, 10 = 0.5 }

[insurance]
junior = 1_000
senior = 0.5

[[brokers]]
name = "alpha"
clients = ["BTC-long-*1", "BTC-short-01"]
guarantee = 0.5
stake = 900
pool = 100
cure = "2h"
term = "30d"
notice = "7d"

[[brokers]]
name = "beta"
clients = "BTC-long-02"
guarantee = 1
stake = 1_000

[fund]
contribution = 0.2

[terms]
concentration = true

[[liquidators]]
name = "calm"
deposit = 1_000
appetite = 1_000
least_concession = 0.01

[[events]]
at = "1h 30m"
do = "price"
to = { BTC = 0.8 }
over = "5m"

[expect]
shortfall = false
bankrupt = { least = 1, most = 3 }
"""

# what is wrong: a piece of the good file, what stands there instead, the words of the refusal
MISTAKES = {
    "no title": ('title = "A fall"', "", "title is missing"),
    "misspelt": ("[insurance]", "[insurence]", "insurence is not known here"),
    "unknown preset": ('preset = "BTC"', 'preset = "XYZ"', "markets[1].preset must be one of BTC"),
    "bad term": ('"BTC"', '"BTC"\nband = 3', "markets[1].band must lie between 0 and 0.2"),
    "not a number": ("junior = 1_000", 'junior = "much"', "insurance.junior must be a number"),
    "negative": ("junior = 1_000", "junior = -1", "insurance.junior must be an amount"),
    "too fine": (
        "senior = 0.5",
        "senior = 0.0000000000000000001",
        "insurance.senior must be a num",
    ),
    "mix too large": ("2 = 0.5", "2 = 0.6", "population.leverage must share out exactly 1"),
    "no leverage": ("2 = 0.5", "two = 0.5", "population.leverage.two is no leverage"),
    "half an account": ("accounts = 8", "accounts = 8.5", "population.accounts must be a whole"),
    "no time": ('"1h 30m"', '"soon"', "events[1].at must be a time"),
    "no event": ('do = "price"', 'do = "pray"', "events[1].do must be one of price, feeds"),
    "other market": ("{ BTC = 0.8 }", "{ ETH = 0.8 }", "events[1].to.ETH is not known here"),
    "broker without a name": ("[expect]", "[[brokers]]\n[expect]", "brokers[3].name is missing"),
    "broker of nobody": (
        '"BTC-long-*1"',
        '"ETH-*"',
        "brokers[1].clients names nobody with a position: 'ETH-*'",
    ),
    "two brokers": (
        '"BTC-long-02"',
        '"BTC-long-0[12]"',
        "brokers[2].clients names BTC-long-01, who has alpha as a broker",
    ),
    "brokers of one name": ('"beta"', '"alpha"', "brokers[1].name is not unique: alpha"),
    "no guarantee": ("guarantee = 0.5", "guarantee = 0", "brokers[1].guarantee must lie between"),
    "no stake": ("stake = 900", "stake = 0", "brokers[1].stake must be an amount above 0"),
    "first loss": ("pool = 100", "pool = 10_000", "brokers[1].pool leaves the stake less than"),
    "long cure": ('cure = "2h"', 'cure = "8d"', "brokers[1].cure must be from 1h to 7d"),
    "short term": ('term = "30d"', 'term = "1d"', "brokers[1].term must be a day and two hours"),
    "short notice": ('notice = "7d"', 'notice = "1d"', "brokers[1].notice must be from 7d to 60d"),
    "fund": ("contribution = 0.2", "contribution = 0.9", "fund.contribution must lie between"),
    "no such terms": (
        "concentration = true",
        "conc = true",
        "terms.conc is not known here",
    ),
    "terms": (
        "concentration = true",
        "concentration = 1",
        "terms.concentration must be true or false",
    ),
    "hold": (
        'preset = "BTC"',
        'preset = "BTC"\nrisk = { ema = "1m", volatility = "1h", hold = "1d" }',
        "markets[1].risk.hold must be from 60s to 600s",
    ),
    "buffer": (
        'preset = "BTC"',
        'preset = "BTC"\nbuffer = { kappa = 4000, gap = 0.2 }',
        "markets[1].buffer is not good: buffer: kappa 4000: 0.1 to 100",
    ),
    "concentration": (
        'preset = "BTC"',
        'preset = "BTC"\nconcentration = { share_percent = 50, rate_percent = 2, floor_code = 3 }',
        "markets[1].concentration is not good: concentration: share_percent 50: 1 to 31",
    ),
    "no measure": ("shortfall = false", "shortfal = false", "expect.shortfal is not known here"),
    "no bound": ("{ least = 1, most = 3 }", "{}", "expect.bankrupt must name least, most"),
    "no flag": ("shortfall = false", "shortfall = 0", "expect.shortfall must be true or false"),
    "same name": ('"calm"', '"BTC-long-01"', "accounts and liquidators must have different names"),
    "nobody": (
        '"price"\nto = { BTC = 0.8 }\nover = "5m"',
        '"withdraw"\nwho = "ann"',
        "events[1].who names nobody: 'ann'",
    ),
    "no such feed": (
        '"price"\nto = { BTC = 0.8 }\nover = "5m"',
        '"feeds"\nmarket = "BTC"\nfeeds = [4]\nstate = "dead"',
        "events[1].feeds must name feeds from 1 to 3",
    ),
    "delay of nothing": (
        '"price"\nto = { BTC = 0.8 }\nover = "5m"',
        '"feeds"\nmarket = "BTC"\nstate = "delayed"',
        "events[1].delay belongs to",
    ),
    "legs": ("accounts = 8", "accounts = 8\nlegs = 2", "population.legs is more than there are"),
    "few accounts": ("accounts = 8", "accounts = 1", "population.accounts must be a whole number"),
}
