#!/usr/bin/env bash
# Put the libraries of requirements.txt into vendor/, ready to be copied into an image.
# PYTHON names the interpreter whose pip does it (any from 3.11 on).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
stamp=vendor/.requirements.txt
if [[ -f $stamp ]] && cmp -s requirements.txt "$stamp"; then
  exit 0
fi
rm -rf vendor vendor.new
"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --no-deps --target vendor.new \
  --platform any --implementation py --abi none --python-version 3.11 --only-binary=:all: -r requirements.txt
rm -rf vendor.new/bin
cp requirements.txt vendor.new/.requirements.txt
mv vendor.new vendor
