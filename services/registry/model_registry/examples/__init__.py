"""Inputs that are worth a person's label: what devices kept with consent, and what people brought.

checks     what may be sent
consents   what each device may keep of which task
arrivals   the log of what came and what was deleted, and what follows from it
pool       the examples themselves
intake     uploads
sweeper    the thread that deletes what is too old, and ends what was broken off
servicer   pipit.examples.v1.ExampleService
"""
