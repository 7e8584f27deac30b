# Debian's Prometheus, laid out as in prom/prometheus.
ARG BASE
FROM ${BASE}
COPY --from=programs prometheus promtool /usr/bin/
RUN install -d -o 65534 -g 65534 /prometheus
USER 65534
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["prometheus"]
