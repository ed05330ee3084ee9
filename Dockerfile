# Gangway in a container.
#
#   docker build -t gangway .
#   docker run -v ./gangway.toml:/gangway/gangway.toml:ro -v ./partners:/gangway/partners:ro -v gangway-data:/gangway/data \
#              -p 8080:8080 -p 8443:8443 gangway
#
# The listeners' defaults are loopback addresses, which nobody outside the container reaches: the gangway.toml that is
# mounted says where to listen. Publish the private listener only to where the ERP is.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev make cmake \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
# Templates, mappings and the commented settings are compiled in.
COPY partners partners
COPY mappings mappings
COPY gangway.toml ./
# The manifests of the workspace's other members are read even though only the product is built.
COPY tests tests
RUN cargo build --locked --profile dist --bin gangway

FROM debian:bookworm-slim
RUN groupadd --system --gid 10001 gangway \
 && useradd --system --uid 10001 --gid gangway --home-dir /gangway --shell /usr/sbin/nologin gangway \
 && install --directory --owner gangway --group gangway --mode 0750 /gangway /gangway/data
COPY --from=build /build/target/dist/gangway /usr/local/bin/gangway
COPY LICENSE NOTICE gangway.toml /usr/share/doc/gangway/
USER gangway
WORKDIR /gangway
VOLUME /gangway/data
EXPOSE 8080 8443 2222 8081
# Asks the private listener, with what the shell itself can do: nothing else is installed for it.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=4 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${GANGWAY_HEALTH_PORT:-8081} && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gangway"]
CMD ["serve"]
