"""The auto-deleveraging of 10 October 2025, replayed: what each policy would have taken from whom.

- `settings`, `quantiles`, `book`: the winners of the day and its sixteen waves;
- `policies`: a queue, pro rata on size and pro rata on profit, simulated in whole numbers;
- `population`, `chain`, `venue`, `opening`: the same winners as positions on the real bytecode;
- `bankrupt`, `insurance`, `brokers`, `waves`, `ledger`, `logs`: the waves, and what they did to
  everybody;
- `outcome`, `measure`, `report`, `tables`, `words`, `charts`, `html`: figures per policy, files,
  the page.
"""
