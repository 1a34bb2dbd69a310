#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD [PART...]: the benchmark, or parts of it (policy milter scan replay strangers retention); see run.py.
exec "${PYTHON:-python3}" "$(dirname "$0")/run.py" "$@" </dev/null
