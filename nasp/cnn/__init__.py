"""Convolutional cells: search on CIFAR-10, transfer to ImageNet."""
