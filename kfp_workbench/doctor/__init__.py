"""Says what is missing on this machine, and at the KFP endpoint."""
