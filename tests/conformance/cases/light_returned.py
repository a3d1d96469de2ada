"""Is an artifact handed on that a lightweight component returns, with its metadata?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def make(text: str) -> dsl.Dataset:
    from pathlib import Path

    made = dsl.Dataset(uri=dsl.get_uri(suffix="made"), metadata={"length": len(text)})
    Path(made.path).write_text(text)
    return made


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def read(data: dsl.Input[dsl.Dataset]):
    import json
    from pathlib import Path

    found = {"text": Path(data.path).read_text(), "length": data.metadata["length"]}
    print("SEE", json.dumps({**found, "folder": data.uri.rsplit("/", 1)[-1]}), flush=True)


@dsl.pipeline(name="light-returned")
def pipeline():
    read(data=make(text="abc").output)
