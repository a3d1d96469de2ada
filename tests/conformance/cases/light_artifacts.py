"""Does a lightweight component see the file and the metadata of an artifact?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def make(data: dsl.Output[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]):
    from pathlib import Path

    Path(data.path).write_text("rows")
    data.metadata["rows"] = 3
    metrics.log_metric("accuracy", 0.5)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def read(data: dsl.Input[dsl.Dataset], metrics: dsl.Input[dsl.Metrics]):
    import json
    from pathlib import Path

    seen = {"text": Path(data.path).read_text(), "rows": data.metadata["rows"]}
    print("SEE", json.dumps({**seen, "accuracy": metrics.metadata["accuracy"]}), flush=True)


@dsl.pipeline(name="light-artifacts")
def pipeline():
    made = make().outputs
    read(data=made["data"], metrics=made["metrics"])
