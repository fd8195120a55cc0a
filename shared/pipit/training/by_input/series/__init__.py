"""Tasks of series: values that are measured step by step.

recordings   labelled tables of steps, in folders of their class
settings     the parts of a recipe
trainer      a trainer without its network
check        `pipit data check`
examples     a small set that a program makes
"""
