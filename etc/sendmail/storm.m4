dnl SPDX-License-Identifier: ISC
dnl policyd-storm as a filter of Sendmail; see README in this folder. Without F= mail passes while the daemon is away.
INPUT_MAIL_FILTER(`storm', `S=local:/run/policyd-storm/milter.sock, T=C:5s;S:10s;R:10s;E:30s')dnl
