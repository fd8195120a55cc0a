"""Networks of pictures that begin with published weights. Importing a module of these may import Keras.

efficientnet_lite            EfficientNet-Lite0 as Keras has layers for it
efficientnet_lite_weights    its ImageNet weights, out of the file that they are published in
efficientnet_lite_download   that file, out of the package that holds it
"""
