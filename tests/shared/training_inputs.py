"""What a real KFP gives the steps of the starter `training`: the facts of its executor inputs.

The steps stand in the order in which they run; what one writes, those after it read.
"""

import json
from collections.abc import Mapping
from typing import Any

RUN = "minio://mlpipeline/v2/artifacts/tumours/RUN_ID"
SCHEMA = {"struct": {"mean radius": "float", "benign": "int"}}
CANDIDATES: list[dict[str, Any]] = [
    {"score": 0.9297127222982218, "settings": {"max_depth": 1, "n_estimators": 50, "random_state": 1}},
    {"score": 0.9601641586867306, "settings": {"max_depth": 8, "n_estimators": 50, "random_state": 1}},
]  # fmt: skip
DEPTHS = [item["settings"]["max_depth"] for item in CANDIDATES]
EVALUATION = {
    "confusionMatrix": {
        "struct": {
            "annotationSpecs": [{"displayName": "malignant"}, {"displayName": "benign"}],
            "rows": [{"row": [49, 4]}, {"row": [3, 86]}],
        }
    },
    "confidenceMetrics": {
        "list": [
            {"falsePositiveRate": 0, "recall": 0, "confidenceThreshold": 1},
            {"falsePositiveRate": 0.018867924528301886, "recall": 0.9, "confidenceThreshold": 0.98},
            {"falsePositiveRate": 1, "recall": 1, "confidenceThreshold": 0},
        ]
    },
}


def given(maker: str, name: str, **metadata: Any) -> dict[str, Any]:
    """Return an input artifact, made by another step."""
    info = {"Provider": "minio", "Params": {"endpoint": "minio:9000", "fromEnv": "false"}}
    added = {"display_name": name, "store_session_info": json.dumps(info)}
    uri, kind = f"{RUN}/{maker}/UUID/{name}", {"instanceSchema": ""}
    item = {"name": "8000001", "type": kind, "uri": uri, "metadata": {**metadata, **added}}
    return {"artifacts": [item]}


def executor_input(
    step: str,
    artifacts: Mapping[str, Any],
    parameters: Mapping[str, Any],
    outputs: Mapping[str, str],
) -> Any:
    """Return what a step is given; an output has its type, or none where it is a parameter."""
    made: dict[str, Any] = {"artifacts": {}, "parameters": {}}
    for name, kind in outputs.items():
        if not kind:
            made["parameters"][name] = {"outputFile": f"/tmp/kfp/outputs/{name}"}
            continue
        schema = {"schemaTitle": f"system.{kind}", "schemaVersion": "0.0.1"}
        item = {"name": name, "type": schema, "uri": f"{RUN}/{step}/UUID/{name}"}
        made["artifacts"][name] = {"artifacts": [item]}
    log = {"name": "executor-logs", "uri": f"{RUN}/{step}/UUID/executor-logs"}
    made["artifacts"]["executor-logs"] = {
        "artifacts": [{**log, "type": {"schemaTitle": "system.Artifact"}}]
    }
    file = f"{RUN}/{step}/UUID/output_metadata.json".replace("minio://", "/minio/")
    inputs = {"artifacts": artifacts, "parameterValues": parameters}
    return {"inputs": inputs, "outputs": {**made, "outputFile": file}}


def _steps() -> dict[str, list[Any]]:
    train, test = (given("split", name, rows=9, schema=SCHEMA) for name in ("train", "test"))
    of = [{"framework": "scikit-learn", "candidate": {"struct": item}} for item in CANDIDATES]
    models = [given(f"train-{depth}", "model", **of[i]) for i, depth in enumerate(DEPTHS)]
    model = given("evaluate", "model", **of[1])
    evaluation = given("evaluate", "evaluation", **EVALUATION)
    metrics = given("evaluate", "metrics", accuracy=0.950704, auc=0.977316, f1=0.960894)
    evaluated = {"model": "Model", "metrics": "Metrics", "evaluation": "ClassificationMetrics"}
    return {
        "load": [executor_input("load", {}, {}, {"data": "Dataset"})],
        "split": [
            executor_input(
                "split",
                {"data": given("load", "data", rows=569, schema=SCHEMA)},
                {"seed": 1, "test_share": 0.25},
                {"train": "Dataset", "test": "Dataset"},
            )
        ],
        "train": [
            executor_input(
                f"train-{depth}",
                {"train": train},
                {"depth": depth, "seed": 1, "trees": 5},
                {"model": "Model"},
            )
            for depth in DEPTHS
        ],
        "evaluate": [
            executor_input(
                "evaluate",
                # As a cluster collects them: in no order.
                {
                    "candidates": {"artifacts": [models[i]["artifacts"][0] for i in (1, 0)]},
                    "test": test,
                },
                {},
                {**evaluated, "accuracy": "", "best": "", "scores": ""},
            )
        ],
        "report": [
            executor_input(
                "report",
                {"metrics": metrics, "evaluation": evaluation},
                {"scores": CANDIDATES, "best": CANDIDATES[1]},
                {"report": "HTML"},
            )
        ],
        "publish": [
            executor_input(
                "publish",
                {"model": model},
                {"accuracy": 0.9507042253521126},
                {"published": "Model", "Output": ""},
            )
        ],
    }


STEPS = _steps()
