"""The container engine that local runs may use."""

import os
import platform
import shlex
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from kfp_workbench.errors import WorkbenchError, cause


def connect(command: str) -> Any:
    """Return a client of the engine that ``command`` (docker, podman) talks to.

    Raises WorkbenchError (1) when no engine answers.
    """
    import docker
    import docker.errors

    environment = dict(os.environ)
    if address := _engine_address(command):
        environment["DOCKER_HOST"] = address
    try:
        client = docker.DockerClient.from_env(
            environment=environment, version="auto", timeout=120, use_ssh_client=True
        )
        client.ping()
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise WorkbenchError(
            f"no container engine answers ({explain(error)}): start one, or use RUNNER=process"
        ) from None
    return client


def has_image(client: Any, image: str) -> bool:
    """Tell whether the engine has an image."""
    import docker.errors

    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    except (docker.errors.DockerException, OSError) as error:
        raise WorkbenchError(f"cannot look for {image}: {explain(error)}") from None
    return True


def pull(client: Any, image: str) -> None:
    """Pull one image, with its tag or digest, or else ``latest`` alone; raises WorkbenchError (1)."""
    import docker.errors

    try:
        client.images.pull(image)
    except (docker.errors.DockerException, OSError) as error:
        raise WorkbenchError(f"cannot pull {image}: {explain(error)}") from None


def take_models(client: Any, image: str, folder: Path) -> None:
    """Put what an image holds in /models into ``models`` below a folder; raises WorkbenchError (1).

    Nothing in the image is run. A cluster needs a shell in it, though.
    """
    import docker.errors

    if not hasattr(tarfile, "data_filter"):  # such as Debian 12's
        here = f"Python {platform.python_version()} cannot unpack the image {image} safely"
        raise WorkbenchError(f"{here}: take 3.10.12, 3.11.4 or a newer one")
    try:
        container = client.containers.create(image, ["-"])
        try:
            container.get_archive("/bin/sh")
            chunks, _ = container.get_archive("/models")
            with tempfile.TemporaryFile() as file:
                for chunk in chunks:
                    file.write(chunk)
                file.seek(0)
                with tarfile.open(fileobj=file) as archive:
                    archive.extractall(folder, filter="data")
        finally:
            container.remove(force=True)
    except docker.errors.NotFound as error:
        raise WorkbenchError(f"the image {image} shows no task a model: {explain(error)}") from None
    except (docker.errors.DockerException, OSError, tarfile.TarError) as error:
        raise WorkbenchError(f"cannot open the image {image}: {explain(error)}") from None
    if not any((folder / "models").iterdir()):
        raise WorkbenchError(f"the image {image} shows no task a model: its /models is empty")


def _engine_address(command: str) -> str | None:
    """Return the address of the engine's API, as the command line itself would find it."""
    words = shlex.split(command)
    if Path(words[0]).name.startswith("podman"):
        variable, query = "CONTAINER_HOST", ["info", "--format", "{{.Host.RemoteSocket.Path}}"]
    else:
        query = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
        variable = "DOCKER_HOST"
    if address := os.environ.get(variable):
        return address
    try:
        answer = subprocess.run([*words, *query], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    address = answer.stdout.strip()
    return f"unix://{address}" if address.startswith("/") else address or None


def explain(error: BaseException) -> str:
    """Return what an engine's error says, in one line."""
    text = getattr(error, "explanation", None) or cause(error.__cause__ or error)
    return " ".join(str(text).split())[:300]
