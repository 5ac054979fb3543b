# Two stages: what builds stays behind. scripts/check-container builds and runs it without Docker.
ARG DEBIAN=bookworm

FROM rust:1.95-slim-$DEBIAN AS build
WORKDIR /src
COPY packaging/container/build-dependencies packaging/container/
RUN packaging/container/build-dependencies
COPY . .
ARG PROFILE=release
RUN cargo build --profile $PROFILE --locked --package wxauth && mv target/*/wxauth /

FROM debian:$DEBIAN-slim
COPY packaging/container/run-dependencies /tmp/
RUN /tmp/run-dependencies && rm /tmp/run-dependencies
COPY --from=build /wxauth /usr/bin/
USER wxauth
# Every address, since the container has its own.
ENV BIND=0.0.0.0:8080
EXPOSE 8080
# /healthz, because a database that is down must not get every server restarted.
HEALTHCHECK --interval=10s --timeout=12s --start-period=40s CMD ["wxauth", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/wxauth"]
CMD ["serve"]
