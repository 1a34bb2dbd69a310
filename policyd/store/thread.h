/* SPDX-License-Identifier: ISC */
/* What the threads of this room have in common: how they begin, and how they wait. */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* With all signals blocked but SIGBUS. 0 or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg) MUSTCHECK;

/* Whether a thread may go to the background and come back: tries it. The way back is what the system forbids,
 * to everybody but root, unless RLIMIT_NICE (setrlimit(2)) allows the nice value that he has. */
bool thread_may_background(void);
/* While still root: that it may when root is given up. */
void thread_ask_background(void);

/* In the background (SCHED_IDLE, sched(7)) a thread has what nobody else wants: a program that wakes up takes
 * its processor at once and need not look for another. false: the system forbids it. */
bool thread_background(pthread_t thread, bool background);

/* A condition for thread_wait(). */
void thread_cond_init(pthread_cond_t *cond);

/* Waits until mono ms `at`, or until `cond` is signalled; may return early. The lock is held. */
void thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t at);

#endif
