"""Dashboard of the sandbox: programs, their time, and the kernel lock."""

from deploy.grafana.panels import JOB, SERVICES, Board, Kind, Panel, quantiles, rate

_PROGRAMS = (
    Panel(
        1,
        "Programs/s by outcome",
        "Programs that ended. The models' failures are `error`, `timeout`, `memory`, `output` and `denied`.",
        (rate("twinpath_sandbox_runs_total", "outcome"),),
        "suffix:programs/s",
        Kind.STACK,
        label="outcome",
    ),
    Panel(
        2,
        "Outcomes",
        "Shares over five minutes. Alerts fire for `crashed` above 5 %, and for `denied` and `timeout` above 10 %.",
        ((f"twinpath:sandbox_runs:ratio_rate5m{{{JOB}}}", "{{outcome}}"),),
        "percentunit",
        Kind.STACK,
        label="outcome",
    ),
    Panel(
        3,
        "Programs at the same time",
        "Running programs: mean from their times, and number at each scrape. Queued programs wait for a process.",
        (
            (f"sum(rate(twinpath_sandbox_duration_seconds_sum{{{JOB}}}[$__rate_interval]))", "running, mean"),
            (f"sum(twinpath_sandbox_running{{{JOB}}})", "running"),
            (f"sum(twinpath_sandbox_queued{{{JOB}}})", "queued"),
        ),
        "suffix:programs",
    ),
)

_TIME = (
    Panel(
        4,
        "Run of a program",
        "Seconds of a program in its process. If it grows with the load, programs wait for cores.",
        quantiles(f"twinpath_sandbox_duration_seconds_bucket{{{JOB}}}"),
        "s",
        exemplars=True,
    ),
    Panel(
        5,
        "Run of a program, all",
        "Number of programs by their time.",
        (rate("twinpath_sandbox_duration_seconds_bucket", "le", function="increase"),),
        "s",
        Kind.HEATMAP,
    ),
)

_PROTECTION = (
    Panel(
        6,
        "Kernel lock",
        "Layers of the lock, the weakest of all services. Red is off. For Landlock, the number is its ABI.",
        ((f"min by (layer) (twinpath_sandbox_lock{{{JOB}}})", "{{layer}}"),),
        kind=Kind.STATES,
        limits=((1, "green"),),
        base="red",
        states=("off", "on"),
    ),
    Panel(
        7,
        "Restarts of the sandbox",
        "Restarts after the sandbox's zygote process exited or hung. A healthy service has none.",
        (
            (
                f"sum by (instance) (increase(twinpath_sandbox_restarts_total{{{JOB}}}[$__rate_interval]))",
                "{{instance}}",
            ),
        ),
    ),
)

SANDBOX_BOARD = Board(
    "twinpath-sandbox",
    "Twinpath / Sandbox",
    "Programs of the models: outcomes, time and protection.",
    SERVICES,
    (("Programs", _PROGRAMS), ("Time", _TIME), ("Protection", _PROTECTION)),
)
