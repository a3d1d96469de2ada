"""{{ title }}."""

{{ imports }}


{{ results }}@step
{{ signature }}
    """Say here what the step does: it becomes the component's description."""
    {{ body }}


if __name__ == "__main__":
    {{ step }}.main()
