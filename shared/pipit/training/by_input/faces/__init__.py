"""Tasks of faces.

labelled    faces with a label: pictures in folders of their class, landmark files
faces       the largest face of each picture, searched once; samples of them
groups      who is on which picture, as far as the data tells, and look-alikes
settings    the parts of a recipe
trainer     a trainer without its network
check       `pipit data check`
sources     figures of each data set apart
evaluating  examples for `pipit evaluate`
examples    a small set that a program makes
"""
