"""What people say of examples: events that are only ever added, and data sets that are frozen of them.

types       plain data of the registry's LabelService
client      a client of it
resolution  what holds of an example, from all that was said of it
index       examples and events of a task in SQLite, fast to ask and made anew at any time
features    small vectors, by which near-duplicates are known
sync        keeps an index in step with the registry
order       which example is asked about next
stats       what is counted: labels, balance, agreement, and what the honest slice says
"""

from pipit.labels.types import Event, EventPage, Kind, LabelledBox, LabelledSpan, LabelSet, SetItem

__all__ = ["Event", "EventPage", "Kind", "LabelSet", "LabelledBox", "LabelledSpan", "SetItem"]
