/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A signal that a timer raises again and again
 */
#ifndef CONTIG_SELFTESTS_ALARM_UTILS_H
#define CONTIG_SELFTESTS_ALARM_UTILS_H

#include <signal.h>

/* The number of signals that were handled. */
extern volatile sig_atomic_t alarms;

/* Raise SIGALRM at this interval, or no more if it is 0. */
void alarm_every_ms(int ms);

#endif /* CONTIG_SELFTESTS_ALARM_UTILS_H */
