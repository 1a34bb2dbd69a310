# SPDX-License-Identifier: ISC
title a connection that the engine closes is no answer
must fail *expected "continue", got "closed"*

milter S: connect 192.0.2.1; end
expect continue
