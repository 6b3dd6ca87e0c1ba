"""Train an image classifier, quantize it to int8, and prove that the device answers as it did."""
