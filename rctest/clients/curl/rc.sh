#!/bin/sh
# Calls RC with curl and openssl, as a shell script or an operator does:
#
#   rc.sh /user/block.json userId=alice minute=10
#
# RC_URL, RC_APP_KEY and RC_APP_SECRET configure it. It prints the answer's body, and then its HTTP status on a line of
# its own. The secret is in no process's arguments: printf is the shell's own.
set -eu

path=$1
shift
nonce=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
timestamp=$(date +%s000)
signature=$(printf '%s' "$RC_APP_SECRET$nonce$timestamp" | openssl dgst -sha1 -r | cut -d' ' -f1)

for field in "$@"; do # turns the fields into curl's options, in place
  set -- "$@" --data-urlencode "$field"
  shift
done

curl --silent --show-error --max-time 10 --noproxy '*' --write-out '\n%{http_code}\n' --request POST \
  --header "App-Key: $RC_APP_KEY" --header "Nonce: $nonce" --header "Timestamp: $timestamp" \
  --header "Signature: $signature" "$@" "$RC_URL$path"
