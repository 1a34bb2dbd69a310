#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD [NAME...] : storms and harmless mail of many shapes through the real engine (stormctl replay), with fixed
# seeds; with names only the scenarios whose name contains one of them.
exec python3 "$(dirname "$0")/run.py" "$@"
