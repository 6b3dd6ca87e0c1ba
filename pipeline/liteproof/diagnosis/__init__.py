"""Where a quantized model's error comes from, layer by layer."""
