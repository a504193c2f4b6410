// SPDX-License-Identifier: GPL-2.0-only
#include <sys/time.h>

#include "alarm_utils.h"

volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	alarms++;
}

void alarm_every_ms(int ms)
{
	struct itimerval timer = {
		.it_value.tv_usec = ms * 1000,
		.it_interval.tv_usec = ms * 1000,
	};
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}
