"""Uploads a compiled pipeline as a version of the pipeline on the server.

A version is named by its content. So the same file is uploaded once, whoever does it
and however often, and a request whose answer got lost can be looked up.
"""

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from kfp_workbench.cluster import server as servers
from kfp_workbench.cluster.faults import UNSURE, ConflictError, InvalidError, NotFoundError
from kfp_workbench.cluster.server import Server, call, check_length, identifier, matching
from kfp_workbench.errors import WorkbenchError
from kfp_workbench.project.names import shown
from kfp_workbench.project.texts import storable

MAX_PIPELINE = 128
MAX_FILE = 32 * 1024**2  # bytes that the server reads
DIGITS = 12  # of the digest: two files of a pipeline do not share them


class Upload(NamedTuple):
    """A version that is on the server; ``url`` is its page in KFP's user interface."""

    pipeline_id: str
    version_id: str
    version: str  # its name
    url: str
    created: bool  # by this; False: it was there


def version_name(package: Path) -> str:
    """Return the name of a compiled file's version, from its content."""
    return sha256(package.read_bytes()).hexdigest()[:DIGITS]


def upload(
    server: Server,
    package: Path,
    *,
    name: str,
    description: str = "",
    revision: str = "",
    set_default: bool = False,
    hold: Callable[[], object] = lambda: None,
) -> Upload:
    """Upload ``package`` as a version of the pipeline ``name``, made if need be.

    ``description`` is a new pipeline's, ``revision`` what git calls the sources. With
    ``set_default``, the version has to be the one that runs take when they name none.
    ``hold`` is called right before anything is made: from then on nothing may break this off.
    Raises WorkbenchError: 2 for a name or a file that is too long, 1 when the server cannot
    be reached, refuses, fails, or has another pipeline under the version's name.
    """
    check_length("pipeline", name, MAX_PIPELINE)
    if package.stat().st_size > MAX_FILE:
        raise WorkbenchError(
            f"{package.name} is larger than the {MAX_FILE} bytes that KFP reads", 2
        )
    version = version_name(package)
    pipeline_id = _pipeline_id(server, name, description, hold)
    found, created = _find_version(server, pipeline_id, version), False
    if found is None:
        hold()
        found, created = _upload_version(server, package, pipeline_id, version, revision)
    if not created:
        _check_same(server, found, package, name)
    version_id = identifier(server, found.pipeline_version_id, "version")
    if set_default:
        _check_default(server, pipeline_id, version_id, version)
    url = servers.pipeline_url(server, pipeline_id, version_id)
    return Upload(pipeline_id, version_id, version, url, created)


def _pipeline_id(server: Server, name: str, description: str, hold: Callable[[], object]) -> str:
    """Return the id of the pipeline called ``name``, made if there is none.

    Where there are namespaces it is the namespace's, not one that all share.
    """
    found = _find_pipeline(server, name)
    if found is None:
        hold()
        found, _ = _make(
            server,
            "create a pipeline on",
            _create_pipeline(server, name, description),
            lambda: _find_pipeline(server, name),
            f"pipeline {shown(name)}",
        )
    return identifier(server, found.pipeline_id, "pipeline")


def _find_pipeline(server: Server, name: str) -> Any:
    import kfp_server_api

    get = kfp_server_api.PipelineServiceApi(server.api).pipeline_service_get_pipeline_by_name
    more = {"namespace": server.namespace} if server.namespace else {}
    try:
        return call(server, "look for the pipeline on", lambda: get(name, **more))
    except NotFoundError:
        return None


def _create_pipeline(server: Server, name: str, description: str) -> Callable[[], Any]:
    """Return what makes a pipeline without a version, so that each version has its own name."""
    import kfp_server_api

    create = kfp_server_api.PipelineServiceApi(server.api).pipeline_service_create_pipeline
    kept = storable(description)
    if kept != description:
        what = "without the characters that its database does not take"
        print(f"note: KFP gets the pipeline's description {what}", file=sys.stderr)
    # Servers before 2.14 have no field "name"; later ones take this for both.
    body = kfp_server_api.V2beta1Pipeline(
        display_name=name, description=kept or None, namespace=server.namespace
    )
    return lambda: create(body)


def _find_version(server: Server, pipeline_id: str, version: str) -> Any:
    import kfp_server_api

    listing = kfp_server_api.PipelineServiceApi(server.api).pipeline_service_list_pipeline_versions
    found = call(
        server,
        "look for the version on",
        lambda: listing(pipeline_id, page_size=1, filter=matching(name=version)),
    )
    return (found.pipeline_versions or [None])[0]


def _upload_version(
    server: Server, package: Path, pipeline_id: str, version: str, revision: str
) -> tuple[Any, bool]:
    import kfp_server_api

    send = kfp_server_api.PipelineUploadServiceApi(server.api).upload_pipeline_version
    about = {"description": f"git {revision}"} if revision else {}
    try:
        return _make(
            server,
            "upload the version to",
            lambda: send(str(package), name=version, pipelineid=pipeline_id, **about),
            lambda: _find_version(server, pipeline_id, version),
            f"version {version}",
        )
    except InvalidError as error:
        # The upload address knows no 403.
        place = f" the namespace {server.namespace}" if server.namespace else " the server"
        raise WorkbenchError(f"{error}: if others can, ask for access to{place}") from None


def _make(
    server: Server,
    doing: str,
    create: Callable[[], Any],
    find: Callable[[], Any],
    what: str,
) -> tuple[Any, bool]:
    """Make something once; return it, and whether it was this that made it.

    When nothing says what became of the request, what it asked for is looked up.
    """
    try:
        return call(server, doing, create), True
    except ConflictError as error:  # somebody else was faster
        found = find()
        if found is None:
            hidden = f"{server.host} has a {what} that it does not show, as after a crash"
            raise WorkbenchError(
                f"{hidden}: ask its administrator to delete it ({error})"
            ) from None
        return found, False
    except UNSURE as error:
        found = find()
        if found is None:
            raise WorkbenchError(f"{error}; no {what} is there: try again") from None
        return found, True


def _check_same(server: Server, found: Any, package: Path, name: str) -> None:
    """Raise WorkbenchError (1) when the version that was found is another pipeline than the file."""
    if _parsed(found.pipeline_spec) != _parsed(_documents(package)):
        version = found.display_name or found.name
        raise WorkbenchError(
            f"{server.host}: {shown(name)} has a version {shown(version)} that is another "
            f"pipeline than {package.name}, whose content it is named for: delete it there"
        )


def _documents(package: Path) -> Any:
    """Return a compiled file as the API does: with a second document, by these names."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = list(yaml.load_all(package.read_text(encoding="utf-8"), loader))
    names = ("pipeline_spec", "platform_spec")
    return dict(zip(names, documents, strict=False)) if documents[1:] else documents[0]


def _parsed(spec: Any) -> Any:
    """Return a compiled pipeline as protobuf messages: servers keep no more of it.

    They leave out values that are the default, and make every number a double.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2 as protos

    if not isinstance(spec, dict):
        return None
    whole = spec if "pipeline_spec" in spec else {"pipeline_spec": spec}
    messages = (protos.PipelineSpec(), protos.PlatformSpec())
    for message, part in zip(messages, ("pipeline_spec", "platform_spec"), strict=True):
        try:
            json_format.ParseDict(whole.get(part) or {}, message, ignore_unknown_fields=True)
        except json_format.ParseError:
            return None
    return messages


def _check_default(server: Server, pipeline_id: str, version_id: str, version: str) -> None:
    """Check that runs which name no version take this one; raises WorkbenchError (1) if they do not.

    KFP v2 keeps no default version: it takes the newest, and what its v1 API still lets
    one set is not looked at. See getLatestPipelineVersion and UpdatePipelineDefaultVersion in
    https://github.com/kubeflow/pipelines/blob/master/backend/src/apiserver/server/pipeline_server.go
    """
    import kfp_server_api

    listing = kfp_server_api.PipelineServiceApi(server.api).pipeline_service_list_pipeline_versions
    answer = call(
        server,
        "look for the newest version on",
        lambda: listing(pipeline_id, page_size=1, sort_by="created_at desc"),
    )
    newest = (answer.pipeline_versions or [None])[0]
    if newest is None or newest.pipeline_version_id != version_id:
        name = shown(newest.display_name or newest.name) if newest else "none"
        raise WorkbenchError(
            f"--set-default: KFP v2 has no default version to set, it takes the newest, {name}, "
            f"not {version}: delete the newer ones, or name this one in runs"
        )
    print("note: KFP v2 takes the newest version by default, which is this one", file=sys.stderr)
