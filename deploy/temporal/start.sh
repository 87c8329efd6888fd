#!/bin/sh
# The server reads its database's password from its environment only.
set -eu
TEMPORAL_DATABASE_PASSWORD=$(cat /run/secrets/temporal-database-password)
export TEMPORAL_DATABASE_PASSWORD
exec temporal-server --root / --config etc/tidings/temporal --env server --allow-no-auth start
