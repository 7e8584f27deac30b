"""Content of the dashboards: rows of panels with their queries.

`dashboards.py` converts them to Grafana's JSON. Panels read the service's own metrics and the recording rules, never an
engine's metric names. Limits are those of the objectives and alerts (`deploy/prometheus/rules/alerts.yaml`).
"""

from deploy.grafana.boards.engine import ENGINE_BOARD
from deploy.grafana.boards.paths import PATHS_BOARD
from deploy.grafana.boards.sandbox import SANDBOX_BOARD
from deploy.grafana.boards.solve import SOLVE_BOARD
from deploy.grafana.panels import Panel

BOARDS = (SOLVE_BOARD, PATHS_BOARD, SANDBOX_BOARD, ENGINE_BOARD)


def panels() -> list[tuple[str, Panel]]:
    """Every panel with its dashboard's uid."""
    return [(board.uid, panel) for board in BOARDS for _, row in board.rows for panel in row]
