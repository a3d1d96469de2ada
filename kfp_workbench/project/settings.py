"""The project's settings: ``[tool.pipeline]`` in pyproject.toml, then the environment."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kfp_workbench import files
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project import names, parsed, versions
from kfp_workbench.project.versions import Version

ROOT = Path.cwd()  # the project's folder, in which make calls
PACKAGE = Path("build") / "pipeline.yaml"  # the compiled pipeline, below ROOT


class Settings(NamedTuple):
    """What every verb needs to know; the token is not here, but read where it is used."""

    name: str  # the slug: pipeline, experiment and folder
    display_name: str
    description: str
    registry: str  # host/path, no tag
    base_image: str  # of new steps
    kfp_host: str  # URL, no trailing slash
    kfp_namespace: str | None
    kfp_ca: Path | None  # certificates that the endpoint's is checked against
    kfp_experiment: str
    kfp_experiment_description: str  # of an experiment that is made; may be empty
    kfp_service_account: str | None  # that the steps run as; None for the server's own
    kfp_caching: bool | None  # of every step; None for what pipeline.py says
    server: Version | None  # that pipelines are compiled for; None for the SDK's
    docker: str  # the engine's command line
    platform: str  # of the images: os/architecture
    build_args: Mapping[str, str]  # of every Dockerfile; they end up in the images' history


def load(
    root: Path = ROOT,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> Settings:
    """Read the settings of the project in ``root``.

    Variables in ``environ`` win over ``overrides``, which are an environment's settings
    (`kfp_workbench.project.environments`), and those over pyproject.toml. Raises WorkbenchError (2) when the file
    or a value in it or in the environment is wrong.
    """
    table = _table(root / "pyproject.toml")
    registry = environ.get("REGISTRY") or _text(table, "registry")
    kfp_host = environ.get("KFP_HOST") or overrides.get("host") or _text(table, "kfp_host")
    name = _text(table, "name")
    namespace = environ.get("KFP_NAMESPACE") or overrides.get("namespace")
    experiment = environ.get("KFP_EXPERIMENT") or overrides.get("experiment") or name
    account = environ.get("KFP_SERVICE_ACCOUNT") or overrides.get("service_account")
    settings = Settings(
        name=name,
        display_name=_text(table, "display_name"),
        description=_text(table, "description"),
        registry=registry,
        base_image=_text(table, "base_image"),
        kfp_host=kfp_host.rstrip("/"),
        kfp_namespace=namespace,
        kfp_ca=_path(root, environ.get("KFP_CA") or table.get("kfp_ca")),
        kfp_experiment=experiment,
        kfp_experiment_description=overrides.get("experiment_description", ""),
        kfp_service_account=account,
        kfp_caching=overrides.get("caching"),
        server=versions.setting(table.get("server")),
        docker=environ.get("DOCKER", "").strip() or "docker",
        platform=environ.get("PLATFORM") or "linux/amd64",
        build_args=_texts(table, "build_args"),
    )
    checks: list[tuple[str, Callable[[str], str | None], str]] = [
        ("name", names.slug_problem, settings.name),
        ("registry", names.registry_problem, registry),
        ("base_image", names.image_problem, settings.base_image),
        ("kfp_host", names.host_problem, kfp_host),
        ("kfp_experiment", names.experiment_problem, experiment),
        ("platform", names.platform_problem, settings.platform),
        ("docker", names.command_problem, settings.docker),
    ]
    if namespace:
        checks.append(("kfp_namespace", names.namespace_problem, namespace))
    if account:
        checks.append(("kfp_service_account", names.service_account_problem, account))
    for key, check, value in checks:
        if problem := check(value):
            source = key.upper() if environ.get(key.upper()) else f"pyproject.toml: {key}"
            raise WorkbenchError(f"{source}: {problem}", 2)
    return settings


def _table(path: Path) -> Mapping[str, object]:
    try:
        document = parsed.value(path, path.read_text(encoding="utf-8"), _toml, "tomli")
        table = document["tool"]["pipeline"]
    except OSError as error:
        raise WorkbenchError(
            f"{path}: {error.strerror}: call this in a project's folder", 2
        ) from None
    except (KeyError, TypeError):
        raise WorkbenchError(
            f"{path.name}: the table [tool.pipeline] is missing: put it back", 2
        ) from None
    except ValueError as error:
        raise WorkbenchError(f"{path.name}: no valid TOML: {error}", 2) from None
    return table if isinstance(table, dict) else {}


def _toml(text: str) -> Any:
    # Here, as what cookiecutter's process imports has none on Python 3.10, and needs none.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    return tomllib.loads(text)


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise WorkbenchError(f'pyproject.toml: [tool.pipeline] needs {key} = "..."', 2)
    return value


def _path(root: Path, value: object) -> Path | None:
    if not isinstance(value, str | None):
        raise WorkbenchError('pyproject.toml: [tool.pipeline] takes kfp_ca = "path/to/ca.pem"', 2)
    return root / files.expanded(value) if value else None


def _texts(table: Mapping[str, object], key: str) -> Mapping[str, str]:
    values = table.get(key, {})
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise WorkbenchError(f'pyproject.toml: [tool.pipeline.{key}] takes NAME = "text" only', 2)
    return values
