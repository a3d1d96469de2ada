"""Is an artifact taken that its task says is at an address of no bucket?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"
MAKE = """import json, os, sys, see
told = json.loads(sys.argv[1])["outputs"]
made = told["artifacts"]["out"]["artifacts"][0] | {"uri": "https://example.com/x"}
os.makedirs(os.path.dirname(told["outputFile"]), exist_ok=True)
open(told["outputFile"], "w").write(json.dumps({"artifacts": {"out": {"artifacts": [made]}}}))
sys.exit(see.main(["made"]))"""


@dsl.container_component
def make(out: dsl.Output[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "-c", MAKE], args=["{{$}}"])


@dsl.container_component
def read(data: dsl.Input[dsl.Dataset]):
    return dsl.ContainerSpec(image=IMAGE, command=["python", "see.py"], args=["--cat", data.path])


@dsl.pipeline(name="artifact-said-to-be-elsewhere")
def pipeline():
    read(data=make().outputs["out"])
