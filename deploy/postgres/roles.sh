#!/bin/bash
# Run once by PostgreSQL's image, when the cluster has just been made: roles and databases of their own for Tidings and
# for Temporal, so that neither can read what is the other's. "tidings" owns the tables, and only the migrations know its password; API and
# workers are "tidings_app", which the migrations let read and write rows.
set -euo pipefail
export SECRETS=${SECRETS:-/run/secrets}

psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set tidings `cat "$SECRETS/tidings-database-password"`
\set app `cat "$SECRETS/tidings-app-database-password"`
\set temporal `cat "$SECRETS/temporal-database-password"`
CREATE ROLE tidings LOGIN PASSWORD :'tidings';
CREATE ROLE tidings_app LOGIN PASSWORD :'app';
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
-- Workers check references a set at a time (docs/decisions/0012).
GRANT SET ON PARAMETER session_replication_role TO tidings_app;
CREATE DATABASE tidings OWNER tidings;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT, TEMPORARY ON DATABASE tidings, temporal, temporal_visibility, postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE tidings TO tidings_app;
SQL
