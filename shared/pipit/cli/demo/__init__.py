"""`pipit demo`: every part of Pipit once, on one machine, from data to an answer on the wire."""
