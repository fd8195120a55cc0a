"""The tables of the index.

examples     one row each: the message, what decides its order, what is known of it
events       every event, as it came
statements   each person's last statement of each example
carries      which labels stand in which settled example
tally        how many examples there are of each sort, kept by triggers, so that nobody counts rows
features     small vectors, by which near-duplicates are known
"""

from __future__ import annotations

NUMBER = 2
"""A file that has another one is made anew; raise it with every change below."""

_SORT = "state, honest, twin, version, hit, guess"


def _sort(row: str) -> str:
    return (
        f"{row}.state, {row}.honest, {row}.twin IS NOT NULL, {row}.version, ifnull({row}.hit, -1), "
        f"CASE WHEN {row}.state = 'none' THEN ifnull('=' || {row}.guess, '') ELSE '' END"
    )


def _count(row: str, by: int) -> str:
    return (
        f"INSERT INTO tally ({_SORT}, count) VALUES ({_sort(row)}, {by}) "
        f"ON CONFLICT ({_SORT}) DO UPDATE SET count = count + {by};"
    )


WAITS = "state = 'none' AND twin IS NULL"
"""Of an example that nobody has labelled, and for which no near-duplicate stands."""

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE examples (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  message BLOB NOT NULL,
  honest INTEGER NOT NULL,
  wrong INTEGER NOT NULL,
  dice INTEGER NOT NULL,
  family TEXT NOT NULL,
  position REAL,
  taken_at REAL NOT NULL,
  version TEXT NOT NULL,
  answer TEXT NOT NULL,
  score REAL,
  margin REAL NOT NULL,
  models REAL NOT NULL,
  guess TEXT,
  guess_score REAL,
  state TEXT NOT NULL DEFAULT 'none',
  label TEXT NOT NULL DEFAULT '',
  hit INTEGER,
  sayers INTEGER NOT NULL DEFAULT 0,
  twin INTEGER,
  thinned INTEGER NOT NULL DEFAULT 0,
  featured INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX by_wrong ON examples (n, answer) WHERE wrong AND NOT honest AND {WAITS};
CREATE INDEX by_margin ON examples (thinned, margin, n) WHERE NOT wrong AND NOT honest AND {WAITS};
CREATE INDEX by_margin_of ON examples (answer, thinned, margin, n) WHERE NOT wrong AND NOT honest AND {WAITS};
CREATE INDEX by_models ON examples (thinned, models DESC, n)
  WHERE models > 0 AND NOT wrong AND NOT honest AND {WAITS};
CREATE INDEX by_models_of ON examples (answer, thinned, models DESC, n)
  WHERE models > 0 AND NOT wrong AND NOT honest AND {WAITS};
CREATE INDEX by_chance ON examples (dice, n) WHERE honest AND {WAITS};
CREATE INDEX by_guess ON examples (guess_score, n) WHERE guess IS NOT NULL AND NOT honest AND {WAITS};
CREATE INDEX by_guess_of ON examples (guess, guess_score, n) WHERE guess IS NOT NULL AND NOT honest AND {WAITS};
CREATE INDEX by_disagreement ON examples (n) WHERE state = 'disagreement';
CREATE INDEX by_family ON examples (family, position, n, state, taken_at) WHERE family != '';
CREATE INDEX by_twin ON examples (twin) WHERE twin IS NOT NULL;
CREATE INDEX by_sayers ON examples (n) WHERE sayers > 1;
CREATE INDEX without_features ON examples (n) WHERE NOT featured;
CREATE TABLE events (
  by TEXT NOT NULL, id TEXT NOT NULL, example TEXT NOT NULL, undoes TEXT NOT NULL, message BLOB NOT NULL,
  PRIMARY KEY (by, id)
) WITHOUT ROWID;
CREATE INDEX events_of ON events (example);
CREATE INDEX undoings ON events (by, undoes) WHERE undoes != '';
CREATE TABLE statements (
  n INTEGER NOT NULL, by TEXT NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL, at REAL NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (n, by)
) WITHOUT ROWID;
CREATE INDEX said_by ON statements (by, at);
CREATE INDEX seconds_of ON statements (by, seconds);
CREATE TABLE people (by TEXT PRIMARY KEY, statements INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER said AFTER INSERT ON statements BEGIN
  INSERT INTO people (by, statements) VALUES (new.by, 1) ON CONFLICT (by) DO UPDATE SET statements = statements + 1;
END;
CREATE TRIGGER unsaid AFTER DELETE ON statements BEGIN
  UPDATE people SET statements = statements - 1 WHERE by = old.by;
END;
CREATE TABLE carries (label TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (label, n)) WITHOUT ROWID;
CREATE INDEX carried ON carries (n);
CREATE TABLE tally (
  state TEXT NOT NULL, honest INTEGER NOT NULL, twin INTEGER NOT NULL, version TEXT NOT NULL, hit INTEGER NOT NULL,
  guess TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY ({_SORT})
) WITHOUT ROWID;
CREATE TRIGGER came AFTER INSERT ON examples BEGIN {_count("new", 1)} END;
CREATE TRIGGER went AFTER DELETE ON examples BEGIN {_count("old", -1)} END;
CREATE TRIGGER changed AFTER UPDATE OF state, honest, twin, version, hit, guess ON examples
BEGIN {_count("old", -1)} {_count("new", 1)} END;
CREATE TABLE features (n INTEGER PRIMARY KEY, vector BLOB NOT NULL);
"""
