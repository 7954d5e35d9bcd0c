/** Dagster's code with work of every kind. A run of `waits` tells where it is by files in `FILES`, and ends when it is told to. */
export const RUNS_PROJECT = `
import os, pathlib, sys, time
import dagster as dg

@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
def parts(): ...

@dg.op(config_schema={"name": str})
def wait(context):
    mine = pathlib.Path(os.environ["FILES"]) / context.op_config["name"]
    print(mine.name, "runs in", sys.prefix, flush=True)
    mine.with_suffix(".started").touch()
    try:
        while not mine.with_suffix(".go").exists():
            time.sleep(0.05)
    finally:
        events = [one.dagster_event.message for one in context.instance.all_logs(context.run_id) if one.is_dagster_event]
        mine.with_suffix(".ended").write_text("\\n".join(str(one) for one in events))

@dg.job
def waits():
    wait()

@dg.sensor(job=waits, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def ticks():
    return dg.SkipReason("only to see that it is asked")

@dg.schedule(job=waits, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def minutely():
    return dg.SkipReason("only to see that it is asked")

defs = dg.Definitions(
    assets=[parts], jobs=[waits], sensors=[ticks], schedules=[minutely], executor=dg.in_process_executor
)
`;
