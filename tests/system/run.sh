#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD [NAME...] : drives the binaries of BUILD over real sockets; with names only the tests whose name
# contains one of them.
exec python3 "$(dirname "$0")/run.py" "$@"
