"""What an upsampler spends the time of a call on."""
