# The gateway without its embedded PostgreSQL: give it a DATABASE_URL. Build: docker build -t webhook-gateway .
# Run: see compose.yaml. No Docker at hand: deploy/build-image-with-buildah.sh.

# 24 is the LTS with the longest life ahead (to April 2028); Debian's glibc, because that is what the gateway is tested on.
ARG NODE_IMAGE=node:24-bookworm-slim

# Compiles. Install scripts are not run anywhere: nothing here needs them.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json prisma.config.ts ./
COPY prisma prisma
COPY src src
RUN npm run build

# What production loads, and nothing else.
FROM ${NODE_IMAGE} AS install
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY --from=build /app/dist dist
COPY prisma/migrations prisma/migrations
COPY deploy/trim-production-install.mjs /tmp/
RUN node /tmp/trim-production-install.mjs /app

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=install /app ./
# `docker exec <container> webhook-gateway status`; the build has made it executable.
RUN ln -s /app/dist/cli/gateway.js /usr/local/bin/webhook-gateway
# The application belongs to root, so the daemon cannot change it. DATA_DIR is the only place it writes to.
RUN mkdir data && chown 1000:1000 data
ENV DATA_DIR=/app/data
VOLUME /app/data
# The user `node` of the base image, by number: Kubernetes' runAsNonRoot cannot check a name.
USER 1000:1000
EXPOSE 3000
# /health says that the process lives, and touches neither PostgreSQL nor Redis: restarting it would not repair those.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The daemon runs as pid 1, takes its signals itself and has no children: no init is needed. It stops within 8 s.
STOPSIGNAL SIGTERM
CMD ["node", "--enable-source-maps", "dist/main.js"]
