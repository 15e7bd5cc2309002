"""The stress laboratory: named days and random ones, played on the real bytecode in this process.

`scenario.load_scenario` reads a file, `play.play` plays it and says who paid, `sweep.sweep` draws
hundreds of days and plays them on all cores.
"""
