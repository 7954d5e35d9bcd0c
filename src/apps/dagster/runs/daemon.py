"""daemon.py <config>: the daemon of a deployment, from the environment of its webserver; one instance of a deployment at a time (README, "Runs of Dagster").

Dagster is imported late: until it is this instance's turn, it costs nothing. The controller is
private API of Dagster's, pinned by test/scenarios/dagster-runs.test.ts.
"""

import fcntl
import json
import os
import pathlib
import signal
import sys
import time
import traceback

from code_servers import listens
from held_runs import held_runs
from lost_runs import LostRuns

CONFIG = json.loads(sys.argv[1])
WORK = pathlib.Path(CONFIG["work"])
HOME = pathlib.Path(CONFIG["home"])
# Made by the service: this instance serves no longer, and starts no runs any more.
RETIRING = WORK / "retiring"
# Made here: it has let go, and what runs now is all that will.
RELEASED = WORK / "released"
# Made at each start of a code server.
STARTS = WORK / "starts"

POLL_SECONDS = 0.2
DAEMONS = ("QUEUED_RUN_COORDINATOR", "BACKFILL", "MONITORING")
THREADS_EVERY_SECONDS = 5
LOST_EVERY_SECONDS = 5
HELD_EVERY_SECONDS = 2
BACKFILLS_EVERY_SECONDS = 5
RETRY_SECONDS = 10
OPTIONAL_SECONDS = 10


class Retiring(Exception):
    pass


def watch():
    # Never at the cost of what people wait for: a deploy, a page.
    os.nice(10)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        lock = take_turn()
        wait_for_servers()
        while True:
            try:
                watch_runs() if CONFIG["daemon"] == "none" else serve()
            except (Retiring, KeyboardInterrupt):
                raise
            except Exception:
                traceback.print_exc()
            pause(RETRY_SECONDS)
    except Retiring:
        pass
    except KeyboardInterrupt:
        return
    rest()


def take_turn():
    """Two daemons over one storage would launch a run twice: the one of the revision before lets go first, or ends."""
    lock = open(HOME / "daemon.lock", "w")
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            pause(POLL_SECONDS)


def wait_for_servers():
    """A webserver that listens has made the storage, and code servers that listen are asked for their code. An optional one may never come:
    where it does so later, the daemon finds it by itself, within a minute."""
    needed = [port for port in CONFIG["servers"] if port not in CONFIG["optional"]]
    for port in (CONFIG["webserver"], *needed):
        while not listens(CONFIG["host"], port):
            pause(POLL_SECONDS)
    until = time.monotonic() + OPTIONAL_SECONDS
    for port in CONFIG["optional"]:
        while not listens(CONFIG["host"], port) and time.monotonic() < until:
            pause(POLL_SECONDS)


def pause(seconds):
    until = time.monotonic() + seconds
    while True:
        if RETIRING.exists():
            raise Retiring
        left = until - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, POLL_SECONDS))


def rest():
    """The process stays, for the instance ends with any of its processes, but not what it holds: memory, files, the lock."""
    program = f"import pathlib, signal; pathlib.Path({str(RELEASED)!r}).touch(); signal.pause()"
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", program])


def serve():
    from dagster import DagsterInstance
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._daemon import controller as daemon

    def runs_only(instance):
        return [daemon.create_daemon_of_type(kind, instance) for kind in DAEMONS]

    everything = CONFIG["daemon"] == "all"
    if not everything:
        # How often backfills are looked at: with Dagster's 30 s one of two partitions takes a minute.
        daemon.DEFAULT_DAEMON_INTERVAL_SECONDS = BACKFILLS_EVERY_SECONDS
    with DagsterInstance.get() as instance:
        with daemon.daemon_controller_from_instance(
            instance,
            WorkspaceFileTarget(paths=[CONFIG["workspace"]]),
            gen_daemons=daemon.create_daemons_from_instance if everything else runs_only,
            log_level="info" if everything else "warning",
        ) as controller:
            lost = LostRuns(instance)
            refreshed = time.time()
            threads_at = lost_at = 0.0
            while True:
                now = time.monotonic()
                if now >= lost_at:
                    lost.look()
                    lost_at = now + LOST_EVERY_SECONDS
                if now >= threads_at:
                    controller.check_daemon_threads()
                    refreshed = controller.check_workspace_freshness(refreshed)
                    threads_at = now + THREADS_EVERY_SECONDS
                pause(POLL_SECONDS)


def watch_runs():
    """Without a daemon: runs whose code server has ended, or was started anew, are looked at by a child, which has Dagster for as long."""
    seen = None
    while True:
        starts = started_at()
        held = held_runs(HOME)
        if held and (starts != seen or not all(listens(*place) for place in held)):
            wait_for_servers()
            in_child(sweep_once)
        seen = starts
        pause(HELD_EVERY_SECONDS)


def started_at():
    """When a code server of this instance was started last."""
    try:
        return STARTS.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def in_child(work):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        work()
    except (Retiring, KeyboardInterrupt):
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def sweep_once():
    from dagster import DagsterInstance

    with DagsterInstance.get() as instance:
        lost = LostRuns(instance)
        lost.look()
        if lost.suspects:
            pause(LOST_EVERY_SECONDS)
            lost.look()


watch()
