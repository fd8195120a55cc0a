"""Inputs that are worth a person's label: what devices kept with consent, and what people brought themselves.

types   plain data of the registry's ExampleService
client  a client of it
"""

from pipit.examples.types import Consent, Departure, Example, ExamplePage, Part, Reason, Score

__all__ = ["Consent", "Departure", "Example", "ExamplePage", "Part", "Reason", "Score"]
