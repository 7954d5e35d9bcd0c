"""Which code server has a run, and what it knows of it. Private API of Dagster's, pinned by test/scenarios/dagster-runs.test.ts."""

import json
import socket


def active_runs(instance):
    from dagster import DagsterRunStatus, RunsFilter

    statuses = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    return instance.get_runs(RunsFilter(statuses=statuses))


def place_of(run):
    """Host and port of the code server that has the run; None where it was not given to one."""
    from dagster._core.storage.tags import GRPC_INFO_TAG

    text = run.tags.get(GRPC_INFO_TAG)
    info = json.loads(text) if text else {}
    return (info["host"], info["port"]) if info.get("port") else None


def runs_of_server(place):
    """Ids of the runs that a code server has: none where there is no code server, None where it does not answer in time."""
    import grpc
    from dagster._grpc.types import GetCurrentRunsResult
    from dagster._serdes import deserialize_value

    if not listens(*place):
        return set()
    try:
        return set(deserialize_value(client_of(place).get_current_runs(), GetCurrentRunsResult).current_runs)
    except Exception as error:
        cause = error.__cause__
        return None if isinstance(cause, grpc.RpcError) and cause.code() == grpc.StatusCode.DEADLINE_EXCEEDED else set()


def client_of(place):
    from dagster._grpc.client import DagsterGrpcClient

    host, port = place
    return DagsterGrpcClient(host=host, port=port)


def listens(host, port):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False
