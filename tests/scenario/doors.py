# SPDX-License-Identifier: ISC


def scenarios():
    return []
