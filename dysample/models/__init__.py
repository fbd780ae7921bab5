"""Hosts: encoder, decoder head and the pretrained weights, with any upsampler inside."""
