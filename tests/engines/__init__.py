"""Tests of the engines in `engines/`: `unit` needs none, the other folders need a set that runs."""
