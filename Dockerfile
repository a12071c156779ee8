# The base is pinned by tag. To pin the very image that you tested, append its digest to both FROM lines:
#   docker buildx imagetools inspect python:3.11-slim-bookworm
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
COPY requirements.lock ./
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
# The build backend comes from the lock too, in an environment that stays behind.
COPY requirements-dev.lock ./
RUN python -m venv /backend \
    && /backend/bin/pip install --require-hashes --only-binary :all: -r requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY relay relay
COPY migrations migrations
RUN /backend/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /venv/bin/pip install --no-deps --no-index /dist/*.whl \
    && /venv/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim-bookworm
# The base has no bytecode of Python's own library, and the relay's user can write none: each start and each health check,
# twice a minute, would compile anew what it loads of it.
RUN python -m compileall -q -x /site-packages/ /usr/local/lib/python3.11
RUN groupadd --gid 10001 relay \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin relay \
    && install --directory --owner relay --group relay --mode 0700 /app/data
COPY --from=build /venv /venv
# SQLite's own temporary files go to the volume: /tmp is small and in memory.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SQLITE_TMPDIR=/app/data \
    RELAY_HOST=0.0.0.0 \
    RELAY_LOG_FORMAT=json
WORKDIR /app
VOLUME /app/data
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "relay.monitoring.healthcheck"]
ENTRYPOINT ["relay"]
CMD ["run"]
