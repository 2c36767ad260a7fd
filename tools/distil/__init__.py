"""Distil the compact encoder from VGG-19, so that painting with it does what VGG-19 would do.

    python -m tools.distil --teacher vgg19.safetensors --photos DIR --paintings DIR --minutes 60

The student begins with layers that were solved for in closed form (`layerwise`), and learns three
things of its teacher's, through one linear head a level (`lessons`): the features at relu1_1 ..
relu5_1 and relu4_2, their Gram matrices, and the gradient that each term of a painting's objective
has with respect to the picture, for it is gradients that painting follows. Half-painted pictures,
painted by teacher and student in turns while it learns (`easel`), are training data as well.

What ships is the student's convolutions and, for every head, the triangular factor of its QR
decomposition: the same metric in the student's own few dimensions.
"""
