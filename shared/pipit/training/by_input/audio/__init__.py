"""Tasks of sounds.

clips          labelled recordings in three layouts
features       windows of clips and of their varied copies, computed once
augmentation   how clips and spectrograms are varied
batches        a training's batches for Keras
check          `pipit data check`
examples       a small set that a program makes
"""
