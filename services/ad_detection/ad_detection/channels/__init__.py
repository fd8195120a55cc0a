"""SYNTHETIC channels of television: recordings, picture and sound, that a program makes; none of it was broadcast.

    looks      a channel's logo, letters, colours and habits     ┐
    grammar    what a recording shows, and when                  ├─ film ─> <channel>/<programme>-<n>.mp4
    drawing    its pictures (scenes, lettering)                  │            recordings ─> labels.csv, truth.csv
    sound      its sound (voices, music, ambience)               ┘

All of it follows from numbers: the same ones give the same recording. What is measured on it shows how a program does
on drawings and made-up sound, and says nothing about television.
"""
