"""What the recipes promise of the servers beside Kubernetes, asked of the ones that run."""
