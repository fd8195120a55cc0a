"""What people said of examples: a log of events for each task, and data sets that were frozen of them.

checks    what may be sent
events    the logs
sets      the frozen data sets
servicer  pipit.labels.v1.LabelService
"""
