# The farm on CPUs: coordinator, stitcher, migration, and workers without a GPU.
FROM rust:1.95-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
      build-essential pkg-config libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev \
      libclang1-14 libclang-common-14-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --package cli && install -D target/release/emofarm /out/emofarm

FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
      ca-certificates libavcodec59 libavformat59 libavutil57 libswscale6 libswresample4 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 emofarm && useradd --uid 10001 --gid 10001 --home-dir /var/lib/emofarm --create-home emofarm
COPY --from=build /out/emofarm /usr/local/bin/emofarm
COPY --from=build /src/models /usr/share/emofarm/models
ENV EMOFARM_DATA_DIR=/var/lib/emofarm EMOFARM_MODEL_PATH=/usr/share/emofarm/models
USER 10001:10001
VOLUME /var/lib/emofarm
EXPOSE 8080 9090
ENTRYPOINT ["emofarm"]
