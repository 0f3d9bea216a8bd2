# Nearcast: one process, which runs its TypeScript sources as they are.
FROM node:24-bookworm-slim AS install
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY src src
# Also prepares the embedded database, which is used where no DATABASE_URL is set.
RUN npm ci --omit=dev

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
RUN install -d -o node -g node -m 700 /data
WORKDIR /app
# The database's template in it is for its owner alone.
COPY --from=install --chown=node:node /app/node_modules node_modules
COPY package.json LICENSE ./
COPY migrations migrations
COPY src src
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The process itself gets the signals of `docker stop`, and has 10 s for an orderly end.
STOPSIGNAL SIGTERM
CMD ["node", "src/main.ts"]
