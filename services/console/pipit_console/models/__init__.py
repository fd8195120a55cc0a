"""What the JSON API takes and gives, as pydantic models: the page's types are generated of them.

base     the two kinds of models, and what many routes give
fleet    devices, rollouts, consents, what is tried
bundles  tasks, versions, comparisons
labels   queues, items, events, timelines, data sets
"""
