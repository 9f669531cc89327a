"""What every injected gradient test shares (clauses 16 and 20.2): levels, network, sequences, plan, one attempt."""
