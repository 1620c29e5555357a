"""Ready-made toolsets."""
