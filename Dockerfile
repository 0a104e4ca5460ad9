# Two stages: what builds stays behind; what runs is slim, non-root, and happy with a read-only root file system.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
COPY rules ./rules
RUN python -m venv /opt/sidecar && /opt/sidecar/bin/pip install --no-cache-dir '.[envoy,redis,otel]'

FROM python:3.11-slim
RUN useradd --system --uid 65532 --no-create-home sidecar
COPY --from=build /opt/sidecar /opt/sidecar
ENV PATH=/opt/sidecar/bin:$PATH SIDECAR_CACHE=/tmp/portcullis PYTHONDONTWRITEBYTECODE=1
USER 65532
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=2s --start-period=20s CMD ["sidecar", "health", "--address", "127.0.0.1:50051"]
ENTRYPOINT ["sidecar"]
CMD ["serve", "--listen", "0.0.0.0:50051"]
