"""Dashboard of the service: objectives, latency, load and processes."""

from deploy.grafana.panels import JOB, SERVICES, Board, Kind, Panel, quantiles, rate

_FIRING = 'ALERTS{alertname=~"Twinpath.+", alertstate="firing"}'

_OBJECTIVES = (
    Panel(
        1,
        "Problems/s",
        "Problems that ended, over five minutes.",
        ((f"sum(twinpath:requests:rate5m{{{JOB}}})", ""),),
        "reqps",
        Kind.STAT,
        base="blue",
    ),
    Panel(
        2,
        "Errors, last hour",
        "Share of problems that the service failed to solve. The objective allows 0.5 %, and red is 14.4 times that.",
        ((f"max(twinpath:errors:ratio_rate1h{{{JOB}}})", ""),),
        "percentunit",
        Kind.STAT,
        limits=((0.005, "orange"), (0.072, "red")),
    ),
    Panel(
        3,
        "Slower than 10 s, last hour",
        "Share of solved problems that took longer than 10 s. The objective allows 5 %, and red is five times that.",
        ((f"max(twinpath:slow:ratio_rate1h{{{JOB}}})", ""),),
        "percentunit",
        Kind.STAT,
        limits=((0.05, "orange"), (0.25, "red")),
    ),
    Panel(
        4,
        "Time to solution, p95",
        "Over five minutes. The objective is 10 s.",
        ((f"max(twinpath:duration_seconds:p95_5m{{{JOB}}})", ""),),
        "s",
        Kind.STAT,
        limits=((7.5, "orange"), (10.0, "red")),
    ),
    Panel(
        5,
        "Queue filled",
        "Waiting problems, as a share of the places in the queue. Above 80 % an alert pages.",
        ((f"max(twinpath:queue_fullness:ratio{{{JOB}}})", ""),),
        "percentunit",
        Kind.STAT,
        limits=((0.5, "orange"), (0.8, "red")),
    ),
    Panel(
        6,
        "Alerts",
        "Alerts of Twinpath that fire now, of every job.",
        ((f"count({_FIRING}) or vector(0)", ""),),
        "short",
        Kind.STAT,
        limits=((1, "red"),),
    ),
)

_STATE = (
    Panel(
        7,
        "Services up",
        "Whether Prometheus reaches each service.",
        ((f"up{{{JOB}}}", "{{instance}}"),),
        kind=Kind.STATES,
        limits=((1, "green"),),
        base="red",
        states=("down", "up"),
    ),
    Panel(
        8,
        "Firing alerts",
        "Each alert of Twinpath while it fires, of every job. docs/operations.md has its runbook.",
        ((f"count by (alertname) ({_FIRING}) > bool 0 or on () label_replace(vector(0), 'alertname', 'none', '', '')",
          "{{alertname}}"),),
        kind=Kind.STATES,
        limits=((1, "red"),),
        states=("", "fires"),
    ),
    Panel(
        9,
        "Services by version",
        "Running services of each version.",
        ((f"count by (version) (twinpath_build_info{{{JOB}}})", "{{version}}"),),
    ),
)  # fmt: skip

_LATENCY = (
    Panel(
        10,
        "Time to solution",
        "From the request to the solution. The dashed line is the objective. Each point is a problem with a trace.",
        quantiles(f'twinpath_solve_duration_seconds_bucket{{{JOB}, status!="error"}}'),
        "s",
        limits=((10.0, "red"),),
        exemplars=True,
    ),
    Panel(
        11,
        "Time to solution, all",
        "Number of problems by their time to solution.",
        (rate("twinpath_solve_duration_seconds_bucket", "le", function="increase"),),
        "s",
        Kind.HEATMAP,
    ),
    Panel(
        12,
        "Time to solution by instance",
        "The p95 of each service. A service far above the others has a slow engine or too much load.",
        (
            (
                f"histogram_quantile(0.95, sum by (le, instance) "
                f"(rate(twinpath_solve_duration_seconds_bucket{{{JOB}}}[$__rate_interval])))",
                "{{instance}}",
            ),
        ),
        "s",
        limits=((10.0, "red"),),
    ),
    Panel(
        13,
        "Time to first path",
        "From the request to the first path that votes: the least time in which a stream shows anything.",
        quantiles(f"twinpath_first_path_seconds_bucket{{{JOB}}}"),
        "s",
        exemplars=True,
    ),
    Panel(
        14,
        "Wait in the queue",
        "From the request to the first path in the engine. If it grows, the load exceeds the capacity.",
        quantiles(f"twinpath_queue_wait_seconds_bucket{{{JOB}}}"),
        "s",
        exemplars=True,
    ),
    Panel(
        15,
        "Errors and slow solutions",
        "Shares over five minutes: problems that failed, and solutions that took longer than 10 s.",
        (
            (f"max(twinpath:errors:ratio_rate5m{{{JOB}}})", "errors"),
            (f"max(twinpath:slow:ratio_rate5m{{{JOB}}})", "slower than 10 s"),
        ),
        "percentunit",
    ),
)

_LOAD = (
    Panel(
        16,
        "Problems/s by outcome",
        "Problems that ended, by status. Status `error` is a failure of the service.",
        (rate("twinpath_solve_duration_seconds_count", "status"),),
        "reqps",
        Kind.STACK,
        label="status",
    ),
    Panel(
        17,
        "Being solved, and waiting",
        "Admitted problems, those of them that wait, and the places in the queue. A full queue means status 429.",
        (
            (f"sum(twinpath_problems_inflight{{{JOB}}})", "in flight"),
            (f"sum(twinpath_queue_depth{{{JOB}}})", "waiting"),
            (f"sum(twinpath_queue_capacity{{{JOB}}})", "places"),
        ),
    ),
    Panel(
        18,
        "Rejected/s",
        "Refused requests by reason. Reason `queue_full` means too little capacity, the others are the caller's.",
        (rate("twinpath_rejected_total", "reason"),),
        "reqps",
        Kind.STACK,
    ),
)

_PROCESSES = (
    Panel(
        19,
        "Memory of the service",
        "Resident memory of the main process, without the sandbox and an engine's processes.",
        ((f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),),
        "bytes",
    ),
    Panel(
        20,
        "CPU of the service",
        "Used cores of the main process. Near one core, it needs another replica.",
        ((f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),),
        "suffix:cores",
    ),
    Panel(
        21,
        "Open files of the service",
        "Open descriptors of the main process. Each connection and each sandbox process takes some.",
        ((f"process_open_fds{{{JOB}}}", "{{instance}}"),),
    ),
)

SOLVE_BOARD = Board(
    "twinpath-solve",
    "Twinpath / Solve",
    "Objectives, latency and load of the service.",
    SERVICES,
    (
        ("Objectives", _OBJECTIVES),
        ("State", _STATE),
        ("Latency", _LATENCY),
        ("Load", _LOAD),
        ("Processes", _PROCESSES),
    ),
)
