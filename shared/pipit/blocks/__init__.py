"""From scores, moment by moment, to blocks of time in which something holds: breaks, alarms that last, phases of sleep.

    policy     how evidence becomes a decision, and how long blocks and what lies between them last
    belief     how likely a block runs, from what has come so far; durations included
    debounce   what is left where evidence can't be trusted: to wait until it lasts
    live       decides at once, and never looks ahead
    offline    decides once all of a recording is there
    measures   what a person feels of such decisions

Evidence is a log-likelihood ratio a second, so that it does not matter how often somebody looks. Only numpy is needed.
"""
