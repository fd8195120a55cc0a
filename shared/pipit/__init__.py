"""Pipit: machine perception on Raspberry Pis."""
