"""`pipit data frames`: pictures of recordings and live streams, with what they are and when they were seen.

DIR/frames.csv            one line a picture; see `manifest`
DIR/collection.json       what the folder is collected from, how, and which recordings are done; see `folder`
DIR/RECORDING/….jpg       the pictures

source ──open──> pictures past faults ──pace──> hash ──> JPEG in its place ──> line in frames.csv
"""
