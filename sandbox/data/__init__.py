"""The sandbox's data files, read as package resources."""
