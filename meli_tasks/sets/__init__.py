"""Hyperparameter sets: those that ship as YAML files, and those stored by a search."""
