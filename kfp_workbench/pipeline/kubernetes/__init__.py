"""What steps ask of the cluster: ``kubernetes.yaml``, from its text to the compiled pipeline."""

FILE = "kubernetes.yaml"
