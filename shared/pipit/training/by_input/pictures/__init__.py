"""Tasks of pictures.

listing        labelled pictures in folders, and in folders that are split
duplicates     pictures that are nearly the same
sides          a split that keeps those together
trainer        the steps that such tasks share
augmentation   how crops are varied, by Keras
frozen         what the frozen part of a network says of crops, kept
mistakes       a contact sheet of the worst mistakes
check          `pipit data check`
examples       a small set that a program makes
"""
