"""A generation's model, settings, batch and cache read into plain facts, before it runs. Nothing is computed by a model."""
