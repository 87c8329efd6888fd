#!/bin/sh
# Makes the namespace where there is none. Finished workflows are kept for three days, to be looked at: everything that
# counts is in the ledger.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" > /dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 72h
