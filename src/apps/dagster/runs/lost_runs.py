"""Runs whose process is gone."""

from code_servers import active_runs, listens, place_of, runs_of_server


class LostRuns:
    """Runs that Dagster takes for running while no code server has them: it died, or was killed. Dagster's run monitoring does not ask
    the servers (`supports_check_run_worker_health` of the DefaultRunLauncher is False)."""

    def __init__(self, instance):
        self.instance = instance
        self.suspects = set()

    def look(self):
        from dagster import DagsterRunStatus

        found = set()
        known = {}
        for run in active_runs(self.instance):
            place = place_of(run)
            if place is None:
                continue
            if place not in known:
                known[place] = runs_of_server(place)
            runs = known[place]
            if runs is None or run.run_id in runs:
                continue
            # A server that is about to start a run does not have it yet; run monitoring sees to those that never start.
            if run.status == DagsterRunStatus.STARTING and listens(*place):
                continue
            found.add(run.run_id)
            if run.run_id in self.suspects:
                self.conclude(run.run_id)
        self.suspects = found

    def conclude(self, run_id):
        from dagster import DagsterRunStatus

        run = self.instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return
        why = "The process of this run is gone: its code server was killed or crashed."
        if run.status == DagsterRunStatus.CANCELING:
            self.instance.report_run_canceled(run, why)
        else:
            self.instance.report_run_failed(run, why)
