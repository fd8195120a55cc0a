"""`pipit demo`: every part of Pipit once, on one machine, from sounds to an answer on the wire."""
