# syntax=docker/dockerfile:1

# Not the slim image: that has no strip.
FROM node:24.21.0-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json LICENSE README.md ./
COPY clients/typescript/package.json clients/typescript/
# Without what only tests and checks use.
RUN npm ci --omit=dev --ignore-scripts
COPY gen gen
COPY src src
COPY clients/typescript/src clients/typescript/src
COPY console console
COPY tools/bundle.ts tools/build-console.ts tools/sbom.ts tools/image-sbom.ts tools/
RUN npm run bundle
# What the final image has: the Node that the lock file names by hash, without its symbols; the libraries that it and the
# native add-on are linked with; the bundle; a list of all of this; and an empty data directory.
RUN mkdir -p /image/app/native /data \
    && cp -r dist/*.mjs dist/console LICENSE /image/app/ \
    && cp dist/native/linux-"$(node -p process.arch)".node /image/app/native/ \
    && strip --strip-all -o /image/app/node node_modules/node-linux-*/bin/node \
    && ldd /image/app/node /image/app/native/*.node | grep -o '/lib[^ ]*' | sort -u \
    | xargs cp --dereference --parents --target-directory=/image \
    && node tools/image-sbom.ts /image

# Nothing but the service: no shell, no package manager, nothing to patch but Node and six libraries of Debian. It must
# be Debian's glibc, for which the add-on that locks the data directory is built.
FROM scratch
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /data /data
LABEL org.opencontainers.image.title="Duet KV" \
    org.opencontainers.image.description="A key-value store that speaks gRPC and REST with one voice" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="https://github.com/duetkv/duetkv" \
    org.opencontainers.image.documentation="https://github.com/duetkv/duetkv/tree/main/docs"
ENV DUETKV_LISTEN=0.0.0.0:8080 \
    DUETKV_ADMIN_LISTEN=0.0.0.0:8081 \
    DUETKV_LOG=file:/data
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
VOLUME /data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["/app/node", "-e", \
    "fetch(`http://127.0.0.1:${process.env.DUETKV_ADMIN_LISTEN.split(':').pop()}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# V8 gets 55 % of the container's memory for what lives long, and a young generation of 48 MiB; the bound of the store is
# derived from that. What the first flag is for is in docs/wire.md, "Garbage collection".
ENTRYPOINT ["/app/node", "--no-allocation-site-pretenuring", \
    "--max-old-space-size-percentage=55", "--max-semi-space-size=16", "/app/duetkv.mjs"]
