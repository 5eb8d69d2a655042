"""Schemas of bodies, one module for each noun."""
