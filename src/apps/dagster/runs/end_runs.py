"""end_runs.py <config> <reason>: cancels the runs of this instance, and with --all also those that wait (README, "Runs of Dagster")."""

import json
import sys
import time
import traceback

from code_servers import active_runs, client_of, place_of

CONFIG = json.loads(sys.argv[1])
POLL_SECONDS = 0.2
# From the request to end until a run is marked canceled whatever it does; the service waits longer than this.
END_SECONDS = 10


def end(reason, everything):
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    with DagsterInstance.get() as instance:
        if everything:
            waiting = RunsFilter(statuses=[DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED])
            for run in instance.get_runs(waiting):
                instance.report_run_canceled(run, reason)
        own = {(CONFIG["host"], port) for port in CONFIG["servers"]}
        told = set()
        deadline = time.monotonic() + END_SECONDS
        while True:
            runs = [run for run in active_runs(instance) if everything or place_of(run) in own]
            if not runs:
                return
            for run in runs:
                if run.run_id not in told:
                    told.add(run.run_id)
                    request_end(instance, run, reason)
            if time.monotonic() > deadline:
                for run in runs:
                    instance.report_run_canceled(run, f"{reason} It did not end within {END_SECONDS} s.")
                return
            time.sleep(POLL_SECONDS)


def request_end(instance, run, reason):
    """As `DefaultRunLauncher.terminate` does, with a reason that people can read."""
    from dagster._grpc.types import CancelExecutionRequest

    try:
        instance.report_run_canceling(run, message=f"{reason} Sending run termination request.")
        place = place_of(run)
        if place is not None:
            client_of(place).cancel_execution(CancelExecutionRequest(run_id=run.run_id))
    except Exception:
        traceback.print_exc()


end(sys.argv[2], everything="--all" in sys.argv[3:])
