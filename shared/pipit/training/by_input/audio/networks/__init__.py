"""Networks of sound that begin with published weights. Importing a module of these may import Keras.

yamnet             YAMNet's body as Keras has layers for it
yamnet_file        where the file with its weights lies, which `pipit data fetch yamnet` makes
yamnet_weights     the weights in it
yamnet_conversion  the file, out of the one that is published
yamnet_download    the published file
"""
