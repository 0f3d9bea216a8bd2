# Nearcast: one process, which runs its TypeScript sources as they are.
#
# What makes its size (x64, unpacked): Debian 75 MB, Node 121 MB, the embedded database 82 MB (half of it its prepared
# directory), all other packages 42 MB, sources and pages 6 MB. Left out: npm and yarn with what they bring, which are in
# Node's own image (25 MB), the source maps and type declarations of packages (19 MB), and what the pages are built with.
# Where there is always a DATABASE_URL:
#
#   docker build --build-arg EMBEDDED_DATABASE=no .
FROM node:24-bookworm-slim AS install
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY src src
# Also prepares the embedded database, which is used where no DATABASE_URL is set.
RUN npm ci --omit=dev
# Nobody debugs or compiles in the image. The prepared database has a pg_filenode.map.
RUN find node_modules -type f -not -path '*/.cache/*' \
  \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
ARG EMBEDDED_DATABASE=yes
RUN if [ "$EMBEDDED_DATABASE" = no ]; then rm -rf node_modules/@electric-sql node_modules/.cache; fi

# Side by side with the above, and anew only when the pages, or packages, have changed.
FROM node:24-bookworm-slim AS pages
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json vite.config.ts ./
# Nothing that builds the pages is made by scripts of packages.
RUN npm ci --ignore-scripts
COPY src/build-pages.ts src/build-pages.ts
COPY src/client src/client
COPY src/web src/web
RUN node src/build-pages.ts

FROM debian:bookworm-slim
# Node's own image is this one, and npm.
COPY --from=install /usr/local/bin/node /usr/local/bin/node
COPY --from=install /usr/local/LICENSE /usr/local/share/doc/node/LICENSE
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home --shell /usr/sbin/nologin node \
  && install -d -o node -g node -m 700 /data
WORKDIR /app
# The database's template in it is for its owner alone.
COPY --from=install --chown=node:node /app/node_modules node_modules
COPY package.json LICENSE ./
COPY migrations migrations
COPY src src
COPY --from=pages /app/dist/web dist/web
# By number, so that a cluster that asks for it (runAsNonRoot) sees that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The process itself gets the signals of `docker stop`, and has 10 s for an orderly end.
STOPSIGNAL SIGTERM
CMD ["node", "src/main.ts"]
