"""How envconsul behaves, seen from outside: against the original and the stand-in alike, with a real Vault and a real cluster."""
