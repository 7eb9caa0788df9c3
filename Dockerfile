# syntax=docker/dockerfile:1

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc LICENSE README.md ./
COPY clients/typescript/package.json clients/typescript/
RUN npm ci --ignore-scripts
COPY gen gen
COPY src src
COPY clients/typescript/src clients/typescript/src
COPY console console
COPY tools/bundle.ts tools/build-console.ts tools/
RUN npm run bundle
# What the final image has: the Node that the lock file names by hash, the libraries that it and the native add-on are
# linked with, the bundle, and an empty data directory.
RUN mkdir -p /image/app/native /data \
    && cp -r dist/*.mjs dist/console LICENSE /image/app/ \
    && cp dist/native/linux-"$(node -p process.arch)".node /image/app/native/ \
    && cp node_modules/node-linux-*/bin/node /image/app/node \
    && ldd /image/app/node /image/app/native/*.node | grep -o '/lib[^ ]*' | sort -u \
    | xargs cp --dereference --parents --target-directory=/image

# Nothing but the service: no shell, no package manager, nothing to patch but Node and six libraries of Debian. It must
# be Debian's glibc, for which the add-on that locks the data directory is built.
FROM scratch
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /data /data
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
