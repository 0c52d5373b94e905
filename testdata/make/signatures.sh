#!/bin/sh
# Signs a small model with the real model-signing (OpenSSF Model Signing) under keys that are thrown away, for internal/attest.
# signatures.sh MODEL_SIGNING_PROGRAM
set -eu
out=$(cd "$(dirname "$0")/../../internal/attest/testdata" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
rm -rf "$out/model" && mkdir -p "$out/model/data"
printf 'flavors: {python_function: {}}\n' >"$out/model/MLmodel"
printf 'weights\n' >"$out/model/data/model.bin"
printf 'name with spaces\n' >"$out/model/data/läuft schon.txt"
for curve in prime256v1 secp384r1 secp521r1; do
	openssl ecparam -name $curve -genkey -noout -out "$tmp/key.pem"
	openssl ec -in "$tmp/key.pem" -pubout -out "$out/$curve.pub" 2>/dev/null
	"$1" sign key "$out/model" --private_key "$tmp/key.pem" --signature "$out/$curve.sig" >/dev/null
done
