"""Who did what to a registry: the records, and how their chain is checked. `pipit audit` shows them."""

from pipit.audit.chain import FIRST, Chain, digest_of
from pipit.audit.client import AuditClient
from pipit.audit.record import Outcome, Record

__all__ = ["FIRST", "AuditClient", "Chain", "Outcome", "Record", "digest_of"]
