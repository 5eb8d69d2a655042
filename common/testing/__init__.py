"""Factories, fakes and fixtures for the tests of every service."""
