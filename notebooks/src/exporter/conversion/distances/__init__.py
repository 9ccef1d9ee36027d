"""Models based on distances or kernels between rows."""
