"""Configuration: models of campaign, test, bench and device; YAML in, plain objects with SI floats out."""
