"""Dashboard of the answers: votes, grades, paths and tokens."""

from deploy.grafana.panels import JOB, SERVICES, Board, Kind, Panel, quantiles, rate, ratio, share

_VOTES = (
    Panel(
        1,
        "Agreement",
        "The leader's mean share of a problem's votes. An alert compares an hour with a day.",
        (
            (f"twinpath:agreement:mean_rate5m{{{JOB}}}", "mean, 5 minutes"),
            (f"twinpath:agreement:mean_rate1d{{{JOB}}}", "mean, a day"),
        ),
        "percentunit",
    ),
    Panel(
        2,
        "Agreement, all",
        "Number of problems by the leader's share of the votes.",
        (rate("twinpath_agreement_ratio_bucket", "le", function="increase"),),
        "percentunit",
        Kind.HEATMAP,
    ),
    Panel(
        3,
        "Confidence",
        "Calibrated confidence of the solutions: the median, and the quarter and the twentieth with the least.",
        quantiles(f"twinpath_confidence_ratio_bucket{{{JOB}}}", levels=("0.05", "0.25", "0.5")),
        "percentunit",
    ),
    Panel(
        4,
        "How votes end",
        "Majority: more than half of the votes. Plurality: the most votes. Abstain: no answer.",
        share("twinpath_votes_total", "decision"),
        "percentunit",
        Kind.STACK,
        label="decision",
    ),
    Panel(
        5,
        "Without an answer",
        "Share of problems without an answer, over five minutes. Above the dashed line an alert fires.",
        ((f"twinpath:abstentions:ratio_rate5m{{{JOB}}}", "abstained"),),
        "percentunit",
        limits=((0.2, "orange"),),
    ),
    Panel(
        6,
        "Graded/s",
        "Responses graded by POST /grade, by verdict.",
        (rate("twinpath_grades_total", "verdict"),),
        "reqps",
        Kind.STACK,
        label="verdict",
    ),
)

_PATHS = (
    Panel(
        7,
        "CoT paths by result",
        "Chain-of-thought paths by outcome. Only `voted` counts. `aborted` paths were not needed.",
        (rate("twinpath_paths_total", "outcome", match='kind="cot"'),),
        "suffix:paths/s",
        Kind.STACK,
        label="outcome",
    ),
    Panel(
        8,
        "PoT paths by result",
        "Program-of-thought paths by outcome. Only `voted` counts. `aborted` paths were not needed.",
        (rate("twinpath_paths_total", "outcome", match='kind="pot"'),),
        "suffix:paths/s",
        Kind.STACK,
        label="outcome",
    ),
    Panel(
        9,
        "Paths that voted",
        "Share of the paths that ended with an answer. `aborted` paths do not count.",
        (
            (
                f'sum by (kind) (rate(twinpath_paths_total{{{JOB}, outcome="voted"}}[$__rate_interval])) '
                f'/ sum by (kind) (rate(twinpath_paths_total{{{JOB}, outcome!="aborted"}}[$__rate_interval]))',
                "{{kind}}",
            ),
        ),
        "percentunit",
        label="kind",
    ),
    Panel(
        10,
        "Rationales repaired",
        "Share of the CoT paths whose wrong arithmetic the calculator corrected.",
        ratio(f"twinpath_repaired_paths_total{{{JOB}}}", f'twinpath_paths_total{{{JOB}, kind="cot"}}', "of CoT paths"),
        "percentunit",
    ),
    Panel(
        11,
        "Paths of a problem",
        "Mean number of sampled paths, without those that never started. Early decisions lower it.",
        ratio(
            f"twinpath_paths_total{{{JOB}}}", f'twinpath_solve_duration_seconds_count{{{JOB}, status!="error"}}', "mean"
        ),
        "suffix:paths",
    ),
)

_TOKENS = (
    Panel(
        12,
        "Sampled tokens/s",
        "Completion tokens by kind of path, including those of aborted paths.",
        (rate("twinpath_completion_tokens_total", "kind"),),
        "suffix:tokens/s",
        Kind.STACK,
        label="kind",
    ),
    Panel(
        13,
        "Tokens of a problem",
        "Prompt and completion tokens of all paths of a problem.",
        quantiles(f"twinpath_problem_tokens_bucket{{{JOB}}}", "type"),
        "suffix:tokens",
    ),
    Panel(
        14,
        "Saved by early decisions",
        "Estimate of the tokens left unsampled, as a share of the full budget's tokens.",
        ((f"twinpath:saved_tokens:ratio_rate5m{{{JOB}}}", "estimate"),),
        "percentunit",
    ),
)

PATHS_BOARD = Board(
    "twinpath-paths",
    "Twinpath / Paths and votes",
    "Quality of the answers: votes, outcomes of the paths, and tokens.",
    SERVICES,
    (("Votes", _VOTES), ("Paths", _PATHS), ("Tokens", _TOKENS)),
)
