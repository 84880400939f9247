"""Ancla's control plane. The ranks, from the inside out, are drawn in docs/architecture.md."""
