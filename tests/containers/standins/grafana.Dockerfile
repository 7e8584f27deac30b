# Stub of grafana/grafana, of which Debian has no package: it reads what Grafana reads, as Grafana's user.
ARG BASE
FROM ${BASE}
RUN install -d -o 472 -g 0 /var/lib/grafana
COPY grafana.py /grafana.py
USER 472
ENTRYPOINT ["python3", "-u", "/grafana.py"]
