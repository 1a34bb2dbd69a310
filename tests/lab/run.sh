#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD [NAME...]: the tests against a real Postfix, private to the run. Needs root; says so when it is not.
here=$(cd "$(dirname "$0")" && pwd)
exec "${PYTHON:-python3}" "$here/run.py" "$@" </dev/null
