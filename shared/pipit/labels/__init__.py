"""What people say of examples: events that are only ever added, and data sets that are frozen of them.

types   plain data of the registry's LabelService
client  a client of it
"""

from pipit.labels.types import Event, EventPage, Kind, LabelledBox, LabelledSpan, LabelSet, SetItem

__all__ = ["Event", "EventPage", "Kind", "LabelSet", "LabelledBox", "LabelledSpan", "SetItem"]
