"""Connectors to the systems syncd joins; they speak their system's own field names and know nothing of syncd."""
