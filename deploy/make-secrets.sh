#!/usr/bin/env bash
# Makes the missing files in ./secrets, and does not change existing ones. Nobody else may enter the folder; the files in it
# can be read by the users that the containers run as, each of which is shown its own files only.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
mkdir -p secrets
chmod 700 secrets

random() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
keep() {
  [ ! -s "secrets/$1" ] || return 0
  printf '%s' "$2" > "secrets/$1"
  echo "made secrets/$1"
}

keep postgres-password "$(random)"
keep tidings-database-password "$(random)"
keep tidings-app-database-password "$(random)"
keep temporal-database-password "$(random)"
keep grafana-password "$(random)"
keep tidings-api-key "$(random)"
keep token-secret "$(random)"
# An id, and 32 bytes in base64. Keep a copy apart from the backups of the database.
keep sealing-keys "k$(head -c 4 /dev/urandom | od -An -v -tx1 | tr -d ' \n'):$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
keep events-secret "$(random)"
# Empty until you send push notifications: its public key and your contact are settings (docs/configuration.md).
[ -e secrets/vapid-private-key ] || : > secrets/vapid-private-key
# Empty until Mailgun or Postmark report to the API: Mailgun shows its key, and you choose the password that Postmark sends.
for name in mailgun-signing-key postmark-webhook-secret; do
  [ -e "secrets/$name" ] || : > "secrets/$name"
done
keep database-url "postgresql://tidings:$(cat secrets/tidings-database-password)@postgres:5432/tidings"
keep app-database-url "postgresql://tidings_app:$(cat secrets/tidings-app-database-password)@postgres:5432/tidings"
# Empty unless you list your providers in JSON (docs/providers/README.md). With SMTP servers in it, secrets/smtp-url has to be empty.
[ -e secrets/providers ] || : > secrets/providers
# The mailbox of docker-compose.yml, which passes nothing on. Write your provider's URL here before you go live.
if [ ! -s secrets/providers ] || [ ! -e secrets/smtp-url ]; then
  keep smtp-url "smtp://mailpit:1025?name=mailpit"
fi
