"""Stub of Grafana: reads its password, provisioning and dashboards, then answers /api/health."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    """Answers /api/health."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - the name is that of http.server


if not Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text():
    sys.exit("The admin's password is empty.")
for file in ("datasources/prometheus.yaml", "dashboards/twinpath.yaml"):
    (Path("/etc/grafana/provisioning") / file).read_text()
dashboards = sorted(Path("/var/lib/grafana/dashboards").glob("*.json"))
print([json.loads(file.read_text())["title"] for file in dashboards])
Path("/var/lib/grafana/grafana.db").touch()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 3000), Health).serve_forever()
