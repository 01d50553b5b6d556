FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY cluster cluster
COPY tools tools
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels starling-kv \
    && useradd --system --home-dir /data starling \
    && install -d -o starling -g starling /data
USER starling
WORKDIR /data
VOLUME /data
EXPOSE 7000 17000/tcp 17000/udp
ENTRYPOINT ["starling"]
CMD ["node", "--port", "7000", "--cluster-enabled", "yes", "--protected-mode", "no", "--dir", "/data"]
