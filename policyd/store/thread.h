/* SPDX-License-Identifier: ISC */
/* What the threads of this room have in common: how they begin, and how they wait. */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "base/compiler.h"

/* With all signals blocked. 0 or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg) MUSTCHECK;

/* A condition for thread_wait(). */
void thread_cond_init(pthread_cond_t *cond);

/* Waits until mono ms `at`, or until `cond` is signalled; may return early. The lock is held. */
void thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at);

#endif
