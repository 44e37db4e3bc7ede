"""The schema's history, applied in order when the store is opened."""
