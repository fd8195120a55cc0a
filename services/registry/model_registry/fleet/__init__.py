"""The devices: who they are, what they say, and the thread that leads a version over them.

records   what people make of a device: its token, its pins       devices/<id>.json, compare-and-swap
sheets    what devices said last, in the memory of each copy      fleet/<replica>.json, by that copy alone
tokens    a device's own token, looked up in the records
steward   each second: what do the rules say of the rollouts that are open?
servicer  `pipit.fleet.v1.FleetService`
"""
