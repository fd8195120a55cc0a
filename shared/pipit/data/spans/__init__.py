"""Labels by time: from when to when a recording shows what.

recording,start,end,label      a table; see `table`
evening.edl                    what players skip: start, end, what to do; see `cuts`
evening.txt                    Comskip's numbers of frames; see `cuts`
"""

from pipit.data.spans.types import Span, Spans

__all__ = ["Span", "Spans"]
