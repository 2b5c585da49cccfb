#!/bin/sh
# Prints the version: from .tarball-version in a release tarball, else from the
# newest tag, else from the number below.  Never needs git.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
if [ -f "$top/.tarball-version" ]; then
	tr -d '\n' <"$top/.tarball-version"
elif version=$(git -C "$top" describe --tags --match 'v[0-9]*' 2>/dev/null); then
	printf '%s' "${version#v}"
else
	printf '0.1.0'
fi
