"""Content of the dashboards: rows of panels with their queries.

`dashboards.py` converts them to Grafana's JSON. Panels read the service's own metrics and the recording rules, never an
engine's metric names.
"""

from deploy.grafana.panels import JOB, Board, Panel, quantiles, rate, share

SOLVE = Board(
    "twinpath-solve",
    "Twinpath / Solve",
    (
        (
            "Objectives",
            (
                Panel("Problems/s", ((f"sum(twinpath:requests:rate5m{{{JOB}}})", ""),), "reqps", "stat"),
                Panel(
                    "Errors, last hour",
                    ((f"max(twinpath:errors:ratio_rate1h{{{JOB}}})", ""),),
                    "percentunit",
                    "stat",
                    "The objective allows 0.5 %.",
                ),
                Panel(
                    "Slower than 10 s, last hour",
                    ((f"max(twinpath:slow:ratio_rate1h{{{JOB}}})", ""),),
                    "percentunit",
                    "stat",
                    "The objective allows 5 %.",
                ),
            ),
        ),
        (
            "Latency",
            (
                Panel(
                    "Time to solution",
                    quantiles(f'twinpath_solve_duration_seconds_bucket{{{JOB}, status!="error"}}'),
                    "s",
                    exemplars=True,
                ),
                Panel(
                    "Time to solution, all",
                    (rate("twinpath_solve_duration_seconds_bucket", "le", function="increase"),),
                    "s",
                    "heatmap",
                ),
                Panel("Time to first path", quantiles(f"twinpath_first_path_seconds_bucket{{{JOB}}}"), "s"),
                Panel("Wait in the queue", quantiles(f"twinpath_queue_wait_seconds_bucket{{{JOB}}}"), "s"),
                Panel(
                    "Time to solution by instance",
                    (
                        (
                            f"histogram_quantile(0.95, sum by (le, instance) "
                            f"(rate(twinpath_solve_duration_seconds_bucket{{{JOB}}}[$__rate_interval])))",
                            "{{instance}}",
                        ),
                    ),
                    "s",
                ),
            ),
        ),
        (
            "Load",
            (
                Panel(
                    "Problems/s by outcome",
                    (rate("twinpath_solve_duration_seconds_count", "status"),),
                    "reqps",
                ),
                Panel(
                    "Being solved, and waiting",
                    (
                        (f"sum(twinpath_problems_inflight{{{JOB}}})", "in flight"),
                        (f"sum(twinpath_queue_depth{{{JOB}}})", "waiting"),
                        (f"sum(twinpath_queue_capacity{{{JOB}}})", "places"),
                    ),
                ),
                Panel(
                    "Rejected/s",
                    (rate("twinpath_rejected_total", "reason"),),
                    "reqps",
                ),
                Panel("Versions", ((f"count by (version) (twinpath_build_info{{{JOB}}})", "{{version}}"),)),
                Panel("Memory of the service", ((f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),), "bytes"),
                Panel(
                    "CPU of the service",
                    ((f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),),
                    "short",
                    text="Cores.",
                ),
            ),
        ),
    ),
)

PATHS = Board(
    "twinpath-paths",
    "Twinpath / Paths and votes",
    (
        (
            "Votes",
            (
                Panel(
                    "Agreement",
                    (
                        (f"twinpath:agreement:mean_rate5m{{{JOB}}}", "mean, 5 minutes"),
                        (f"twinpath:agreement:mean_rate1d{{{JOB}}}", "mean, a day"),
                    ),
                    "percentunit",
                    text="The leader's share of a problem's votes.",
                ),
                Panel(
                    "Agreement, all",
                    (rate("twinpath_agreement_ratio_bucket", "le", function="increase"),),
                    "percentunit",
                    "heatmap",
                ),
                Panel("Confidence", quantiles(f"twinpath_confidence_ratio_bucket{{{JOB}}}"), "percentunit"),
                Panel("How votes end", share("twinpath_votes_total", "decision"), "percentunit"),
                Panel(
                    "Without an answer", ((f"twinpath:abstentions:ratio_rate5m{{{JOB}}}", "abstained"),), "percentunit"
                ),
            ),
        ),
        (
            "Paths",
            (
                Panel(
                    "CoT paths by result",
                    (rate("twinpath_paths_total", "result", match='kind="cot"'),),
                    "ops",
                ),
                Panel(
                    "PoT paths by result",
                    (rate("twinpath_paths_total", "result", match='kind="pot"'),),
                    "ops",
                ),
                Panel(
                    "Paths that voted",
                    (
                        (
                            f'sum by (kind) (rate(twinpath_paths_total{{{JOB}, outcome="voted"}}[$__rate_interval])) '
                            f"/ sum by (kind) (rate(twinpath_paths_total{{{JOB}}}[$__rate_interval]))",
                            "{{kind}}",
                        ),
                    ),
                    "percentunit",
                ),
                Panel(
                    "Rationales repaired",
                    (
                        (
                            f"sum(rate(twinpath_repaired_paths_total{{{JOB}}}[$__rate_interval])) "
                            f'/ sum(rate(twinpath_paths_total{{{JOB}, kind="cot"}}[$__rate_interval]))',
                            "of CoT paths",
                        ),
                    ),
                    "percentunit",
                ),
            ),
        ),
        (
            "Tokens",
            (
                Panel(
                    "Sampled tokens/s",
                    (rate("twinpath_completion_tokens_total", "kind"),),
                ),
                Panel("Tokens of a problem", quantiles(f"twinpath_problem_tokens_bucket{{{JOB}}}", "type")),
                Panel(
                    "Saved by early decisions",
                    ((f"twinpath:saved_tokens:ratio_rate5m{{{JOB}}}", "estimate"),),
                    "percentunit",
                    text="Tokens left unsampled, of all that the full budget would have taken.",
                ),
            ),
        ),
    ),
)

SANDBOX = Board(
    "twinpath-sandbox",
    "Twinpath / Sandbox",
    (
        (
            "Programs",
            (
                Panel(
                    "Programs/s by outcome",
                    (rate("twinpath_sandbox_runs_total", "outcome"),),
                    "ops",
                ),
                Panel("Outcomes", ((f"twinpath:sandbox_runs:ratio_rate5m{{{JOB}}}", "{{outcome}}"),), "percentunit"),
                Panel("Run of a program", quantiles(f"twinpath_sandbox_duration_seconds_bucket{{{JOB}}}"), "s"),
                Panel(
                    "Run of a program, all",
                    (rate("twinpath_sandbox_duration_seconds_bucket", "le", function="increase"),),
                    "s",
                    "heatmap",
                ),
                Panel(
                    "Programs at the same time",
                    ((f"sum(rate(twinpath_sandbox_duration_seconds_sum{{{JOB}}}[$__rate_interval]))", "mean"),),
                ),
                Panel(
                    "Kernel lock",
                    ((f"min by (layer) (twinpath_sandbox_lock{{{JOB}}})", "{{layer}}"),),
                    text="0 is off. For Landlock, the least ABI of all instances.",
                ),
            ),
        ),
    ),
)

ENGINE = Board(
    "twinpath-engine",
    "Twinpath / Engine",
    (
        (
            "Health",
            (
                Panel("Engine up", ((f"min by (instance) (twinpath_engine_up{{{JOB}}})", "{{instance}}"),)),
                Panel("Workers up", ((f"min by (worker) (twinpath_worker_up{{{JOB}}})", "{{worker}}"),),
                      text="Of the remote engine; empty where the engine is in the service."),
                Panel("Paths at workers/s", (rate("twinpath_worker_requests_total", "result"),), "ops",
                      text="Of the remote engine; `failed` paths are sampled again on another worker."),
            ),
        ),
        (
            "Scheduler",
            (
                Panel("Paths running", (("engine:requests_running", "{{instance}}"),)),
                Panel("Paths waiting", (("engine:requests_waiting", "{{instance}}"),)),
                Panel("KV cache", (("engine:kv_cache_usage:ratio", "{{instance}}"),), "percentunit"),
                Panel("Preemptions/s", (("engine:preemptions:rate5m", "{{instance}}"),), "ops"),
                Panel("Prompt tokens found in the cache", (("engine:prefix_cache_hits:ratio_rate5m", "{{instance}}"),),
                      "percentunit"),
            ),
        ),
        (
            "Speed",
            (
                Panel("Generated tokens/s", (("engine:generation_tokens:rate5m", "{{instance}}"),)),
                Panel("Prompt tokens/s", (("engine:prompt_tokens:rate5m", "{{instance}}"),)),
                Panel("Time to first token", (
                    ("engine:time_to_first_token_seconds:p50_5m", "p50 {{instance}}"),
                    ("engine:time_to_first_token_seconds:p95_5m", "p95 {{instance}}"),
                ), "s"),
                Panel("Time between tokens", (
                    ("engine:inter_token_seconds:p50_5m", "p50 {{instance}}"),
                    ("engine:inter_token_seconds:p95_5m", "p95 {{instance}}"),
                ), "s"),
                Panel("Wait in the engine's queue", (
                    ("engine:queue_seconds:p50_5m", "p50 {{instance}}"),
                    ("engine:queue_seconds:p95_5m", "p95 {{instance}}"),
                ), "s"),
                Panel("Time of a path", (
                    ("engine:request_seconds:p50_5m", "p50 {{instance}}"),
                    ("engine:request_seconds:p95_5m", "p95 {{instance}}"),
                ), "s"),
            ),
        ),
    ),
)  # fmt: skip

BOARDS = (SOLVE, PATHS, SANDBOX, ENGINE)


def panels() -> list[tuple[str, Panel]]:
    """Every panel with its dashboard's uid."""
    return [(board.uid, panel) for board in BOARDS for _, row in board.rows for panel in row]
