"""What do the names and numbers of a run become, alone and within a text?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def say(name: str, run: str, task: str, text: str):
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=[name, run, task, text]
    )


@dsl.pipeline(name="value-of-run")
def pipeline():
    say(
        name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        run=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        task=dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
        text=f"in {dsl.PIPELINE_JOB_ID_PLACEHOLDER}",
    )
