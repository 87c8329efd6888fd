# One image for the API, the workers and the migrations; the command says which:
#   node dist/api/main.js, node dist/workers/main.js, node dist/cli/migrate.js apply
# It writes nothing to its own file system, and has no health check of its own: each of the three has another
# (docker-compose.yml). Configuration and secrets come from the environment, or from files that it names.

FROM node:20.20.2-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional ones are other programs' tools (Prisma's, swc's), and a library of Temporal's for each platform that it knows.
RUN npm ci --omit=dev --omit=optional && \
    cd node_modules/@temporalio/core-bridge/releases && ls | grep -v "^$(uname -m)-.*-linux" | xargs rm -r

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# The Prisma client, the compiled code and the bundle of the workflows. What only tests and benches run stays behind.
RUN npm run build && rm -r dist/test dist/bench && find dist -name '*.test.js*' -delete

FROM node:20.20.2-bookworm-slim AS runtime
ENV NODE_ENV=production
# The newest time zone data of the distribution: what the base or Node.js brings is as old as they are.
RUN apt-get update && apt-get install -y --no-install-recommends tzdata && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# The threads of Node and of Temporal's core share two arenas of the allocator, which saves about 20 MB a process.
ENV MALLOC_ARENA_MAX=2
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The migrations, and the schema that they are checked against; package.json marks the root of all this.
COPY prisma/schema.prisma prisma/schema.prisma
COPY prisma/migrations prisma/migrations
COPY package.json ./
USER 1000:1000
EXPOSE 8080 9464
CMD ["node", "dist/api/main.js"]
