"""Pictures of the dashboards under a bounded load on loopback.

    python -m dev.dashboards FOLDER [--out docs] [--keep]

The service solves problems with the bundled model on vLLM, and callers come and go. A second service has two scripted
workers, one of which is lost for some minutes. The real Prometheus scrapes all of them with the shipped rules.
"""

import argparse
import json
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml

from deploy.grafana.pictures import DASHBOARDS, picture
from deploy.grafana.queries import Prometheus
from tests.support import servers
from tests.support.servers import BIN, Server, free_port

ROOT = Path(__file__).parents[1]
_SCRAPE_S = 15
_START_S = 900  # on a busy machine
_PHASES = ((90, 1), (90, 2), (105, 5), (75, 30), (120, 1))
"""Seconds, and callers of the service with the bundled model."""
_LIMITS = {"paths": {"cot": 4, "pot": 4}, "deadline_s": 90}
_LOST_S = (60, 270)
"""Seconds after the start between which a worker is lost."""
_JOBS = {"twinpath-engine": ()}
"""Chosen jobs of a dashboard, () for all. The other dashboards show only the bundled model."""


def main() -> None:
    """Start everything, load it, draw, and stop everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="directory for logs and Prometheus's data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="directory of the PNG files")
    parser.add_argument("--before", default="", help="words before the command of the service, such as `taskset -c 1`")
    parser.add_argument("--keep", action="store_true", help="keep Prometheus running until Enter is pressed")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    traces = _collector()
    settings = {"max_num_seqs": 32, "max_queue": 16, "log_level": "warning", "otlp_endpoint": traces}
    running: list[Server] = []
    try:
        workers = [servers.scripted_worker(options.folder, tokens_per_s=60, slots=32) for _ in range(2)]
        running += workers
        remote = servers.service([worker.url for worker in workers], options.folder, log_level="warning")
        local = _bundled(options.folder, options.before.split(), **settings)
        running += [remote, local]
        for server in running:
            server.await_health(_START_S)
        prometheus = _prometheus(options.folder, local, remote, workers)
        running.append(prometheus.await_health())
        start = time.time()
        _load(options.folder, local, remote, workers, running)
        _draw(prometheus.url, start, options.out)
        if options.keep:
            input(f"{prometheus.url}, data since {start:.0f}; press Enter")
    finally:
        for server in reversed(running):
            server.kill()


def _bundled(folder: Path, before: Sequence[str], **settings: object) -> Server:
    port = free_port()
    command: list[object] = [*before, BIN / "twinpath", "serve", "--port", port]
    command += [part for name, value in settings.items() for part in (f"--{name.replace('_', '-')}", value)]
    return Server(command, port, folder / f"service-{port}.log", "/ready")


def _prometheus(folder: Path, local: Server, remote: Server, workers: Sequence[Server]) -> Server:
    jobs = {"twinpath": [local], "twinpath-remote": [remote], "twinpath-worker": workers}
    rules = ROOT / "deploy/prometheus/rules"
    content = {
        "global": {"scrape_interval": f"{_SCRAPE_S}s", "evaluation_interval": f"{_SCRAPE_S}s"},
        "rule_files": [str(rules / "recording.yaml"), str(rules / "alerts.yaml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{server.port}" for server in targets]}]}
            for job, targets in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    port = free_port()
    command = [BIN / "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += ["--enable-feature=exemplar-storage", f"--web.listen-address=127.0.0.1:{port}"]
    return Server(command, port, folder / "prometheus.log", "/-/ready")


def _load(folder: Path, local: Server, remote: Server, workers: Sequence[Server], running: list[Server]) -> None:
    """Callers in phases, and a lost worker."""
    questions = [json.loads(line)["question"] for line in (ROOT / "data/svamp-like-test.jsonl").open(encoding="utf-8")]
    over = threading.Event()
    active = [0]  # callers of the phase

    def call(number: int, server: Server, pause_s: float) -> None:
        draw = random.Random(number)
        with httpx.Client(base_url=server.url, timeout=180) as client:
            while not over.is_set():
                if server is local and number >= active[0]:
                    time.sleep(0.5)
                    continue
                problem = {"problem": draw.choice(questions)}
                traced = {"traceparent": f"00-{draw.getrandbits(128):032x}-{draw.getrandbits(64):016x}-01"}
                client.post("/solve", json=problem | _LIMITS | {"seed": draw.getrandbits(31)}, headers=traced)
                if draw.random() < 0.15:
                    right, given = draw.randrange(90), draw.randrange(2)
                    graded = {"response": f"The answer is {right + given}.", "expected": str(right)}
                    client.post("/grade", json=problem | graded)
                time.sleep(pause_s)

    callers = max(callers for _, callers in _PHASES)
    with ThreadPoolExecutor(callers + 2) as pool:
        calls = [pool.submit(call, number, local, 0.2) for number in range(callers)]
        calls += [pool.submit(call, 1000 + number, remote, 2.0) for number in range(2)]
        threading.Timer(_LOST_S[0], workers[0].kill).start()
        back = threading.Timer(
            _LOST_S[1],
            lambda: running.append(servers.scripted_worker(folder, tokens_per_s=60, slots=32, port=workers[0].port)),
        )
        back.start()
        try:
            for seconds, active[0] in _PHASES:
                time.sleep(seconds)
        finally:
            back.cancel()
            over.set()
        for each in calls:
            each.result()


def _draw(url: str, start: float, out: Path) -> None:
    for file in sorted(DASHBOARDS.glob("*.json")):
        jobs = _JOBS.get(file.stem, ("twinpath",))
        source = Prometheus(url, start, start + sum(seconds for seconds, _ in _PHASES), _SCRAPE_S, jobs)
        path = out / f"{file.stem.replace('twinpath', 'dashboard')}.png"
        empty = picture(json.loads(file.read_text(encoding="utf-8")), source, path)
        print(path, f"{path.stat().st_size // 1024} KiB", "no data:", empty)


def _collector() -> str:
    """Address of a collector that accepts every trace and stores none."""

    class Accept(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Accept)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


if __name__ == "__main__":
    main()
