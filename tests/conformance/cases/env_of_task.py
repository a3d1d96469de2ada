"""Do variables of a component and of a task reach the container, the task's first?"""

from kfp import dsl

IMAGE = "localhost:5000/golden/py"


@dsl.container_component
def look():
    return dsl.ContainerSpec(
        image=IMAGE, command=["python", "see.py"], args=["--env", "ONE", "--env", "TWO"]
    )


@dsl.pipeline(name="env-of-task")
def pipeline():
    look().set_env_variable("ONE", "1 $x").set_env_variable("ONE", "again")
