"""Dashboard of the engines: health, scheduler and speed."""

from deploy.grafana.panels import ENGINE, ENGINES, JOB, Board, Kind, Panel, rate, recorded_quantiles

_EACH = "{{instance}}"

_HEALTH = (
    Panel(
        1,
        "Engine up",
        "Whether each service can sample paths.",
        ((f"min by (instance) (twinpath_engine_up{{{JOB}}})", _EACH),),
        kind=Kind.STATES,
        limits=((1, "green"),),
        base="red",
        states=("down", "up"),
    ),
    Panel(
        2,
        "Workers up",
        "Workers of the remote engine, as the services see them. Empty if the engine is in the service.",
        ((f"min by (worker) (twinpath_worker_up{{{JOB}}})", "{{worker}}"),),
        kind=Kind.STATES,
        limits=((1, "green"),),
        base="red",
        states=("down", "up"),
    ),
    Panel(
        3,
        "Paths at workers/s",
        "Paths of the remote engine by result. `failed` paths are sampled again on another worker.",
        (rate("twinpath_worker_requests_total", "result"),),
        "suffix:paths/s",
        Kind.STACK,
        label="result",
    ),
)

_SCHEDULER = (
    Panel(
        4,
        "Paths running",
        "Paths that the engine decodes now. `max_num_seqs` is the maximum.",
        ((f"engine:requests_running{{{ENGINE}}}", _EACH),),
        "suffix:paths",
    ),
    Panel(
        5,
        "Paths waiting",
        "Paths in the engine's own queue. The service keeps it short and lets problems wait instead.",
        ((f"engine:requests_waiting{{{ENGINE}}}", _EACH),),
        "suffix:paths",
    ),
    Panel(
        6,
        "KV cache",
        "Used share of the KV cache. Above the dashed line an alert fires, and paths will be preempted.",
        ((f"engine:kv_cache_usage:ratio{{{ENGINE}}}", _EACH),),
        "percentunit",
        limits=((0.95, "orange"),),
    ),
    Panel(
        7,
        "Preemptions/s",
        "Paths whose work the engine discarded because the KV cache was full. Above the dashed line an alert fires.",
        ((f"engine:preemptions:rate5m{{{ENGINE}}}", _EACH),),
        "ops",
        limits=((0.1, "orange"),),
    ),
    Panel(
        8,
        "Prompt tokens found in the cache",
        "Paths of a problem share its question. A low share means many short problems or a full KV cache.",
        ((f"engine:prefix_cache_hits:ratio_rate5m{{{ENGINE}}}", _EACH),),
        "percentunit",
    ),
)

_SPEED = (
    Panel(
        9,
        "Generated tokens/s",
        "Sampled tokens, over five minutes.",
        ((f"engine:generation_tokens:rate5m{{{ENGINE}}}", _EACH),),
        "suffix:tokens/s",
    ),
    Panel(
        10,
        "Prompt tokens/s",
        "Tokens of the prompts, over five minutes, including those found in the cache.",
        ((f"engine:prompt_tokens:rate5m{{{ENGINE}}}", _EACH),),
        "suffix:tokens/s",
    ),
    Panel(
        11,
        "Time to first token",
        "From a path's arrival in the engine to its first token.",
        recorded_quantiles("engine:time_to_first_token_seconds"),
        "s",
    ),
    Panel(
        12,
        "Time between tokens",
        "Seconds per token of a path. If it grows at the same load, the GPU is throttled or shared.",
        recorded_quantiles("engine:inter_token_seconds"),
        "s",
    ),
    Panel(
        13,
        "Wait in the engine's queue",
        "From a path's arrival in the engine to its first step.",
        recorded_quantiles("engine:queue_seconds"),
        "s",
    ),
    Panel(
        14,
        "Time of a path",
        "From a path's arrival in the engine to its last token.",
        recorded_quantiles("engine:request_seconds"),
        "s",
    ),
)

ENGINE_BOARD = Board(
    "twinpath-engine",
    "Twinpath / Engine",
    "Engines in the service and in the workers: health, scheduler and speed.",
    ENGINES,
    (("Health", _HEALTH), ("Scheduler", _SCHEDULER), ("Speed", _SPEED)),
)
