"""From ``pipeline.py`` to ``build/pipeline.yaml``."""
