# `vllm serve` on an image of the service: scripted, or vLLM for CPUs. As in vLLM's image, it runs as root.
ARG SERVICE
FROM ${SERVICE}
ARG VLLM
USER 0:0
COPY --from=support fake_worker.py /opt/worker/
COPY --chmod=755 ${VLLM} /opt/worker/vllm
ENV PATH=/opt/worker:$PATH
HEALTHCHECK NONE
ENTRYPOINT ["vllm"]
CMD []
