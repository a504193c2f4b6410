// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that differ slightly from those that were kept
 */
#include <string.h>

#include "fuzz.h"

static const uint8_t interesting[] = {
	0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 192, 254, 255,
};

static void random_step(struct rng *rng, uint8_t step[STEP_BYTES])
{
	step[0] = rng_below(rng, step_count());
	/* Small numbers are those that steps share. */
	for (int i = 1; i < STEP_BYTES; i++)
		step[i] = rng_below(rng, 3) ? rng_below(rng, 8) :
					      rng_next(rng);
	/* Most calls should have a valid structure. */
	if (rng_below(rng, 8))
		step[STEP_BYTES - 1] = 0;
}

static void insert(struct program *program, unsigned int at,
		   const uint8_t step[STEP_BYTES])
{
	if (program->steps == STEPS_MAX)
		return;
	memmove(program->step[at + 1], program->step[at],
		(program->steps - at) * STEP_BYTES);
	memcpy(program->step[at], step, STEP_BYTES);
	program->steps++;
}

static void delete(struct program *program, unsigned int at)
{
	program->steps--;
	memmove(program->step[at], program->step[at + 1],
		(program->steps - at) * STEP_BYTES);
}

/* Join the beginning of one program and the end of another. */
static void splice(struct rng *rng, struct program *program,
		   const struct program *other)
{
	unsigned int keep = rng_below(rng, program->steps + 1);
	unsigned int from = rng_below(rng, other->steps);
	unsigned int n = other->steps - from;

	if (n > STEPS_MAX - keep)
		n = STEPS_MAX - keep;
	memcpy(program->step[keep], other->step[from], n * STEP_BYTES);
	program->steps = keep + n;
}

static void mutate_once(struct rng *rng, const struct corpus *corpus,
			struct program *program)
{
	uint8_t step[STEP_BYTES];
	unsigned int at = program->steps ? rng_below(rng, program->steps) : 0;
	uint8_t *byte = &program->step[at][rng_below(rng, STEP_BYTES)];

	if (!program->steps) {
		random_step(rng, step);
		insert(program, 0, step);
		return;
	}
	switch (rng_below(rng, 12)) {
	case 0:
		*byte ^= 1 << rng_below(rng, 8);
		break;
	case 1:
		*byte = rng_next(rng);
		break;
	case 2:
		*byte = interesting[rng_below(rng, ARRAY_SIZE(interesting))];
		break;
	case 3:
		*byte += rng_below(rng, 2) ? 1 : -1;
		break;
	case 4:
	case 5:
	case 6:
		random_step(rng, step);
		insert(program, rng_below(rng, program->steps + 1), step);
		break;
	case 7:
		/* Repeat a step, perhaps elsewhere. */
		memcpy(step, program->step[at], STEP_BYTES);
		insert(program, rng_below(rng, program->steps + 1), step);
		break;
	case 8:
		delete(program, at);
		break;
	case 9: {
		unsigned int to = rng_below(rng, program->steps);

		memcpy(step, program->step[at], STEP_BYTES);
		memcpy(program->step[at], program->step[to], STEP_BYTES);
		memcpy(program->step[to], step, STEP_BYTES);
		break;
	}
	case 10:
		if (corpus->nr)
			splice(rng, program, &corpus->programs[
			       rng_below(rng, corpus->nr)]);
		break;
	case 11:
		random_step(rng, program->step[at]);
		break;
	}
}

void mutate(struct rng *rng, const struct corpus *corpus,
	    struct program *program)
{
	unsigned int times = 1 + rng_below(rng, 1 + rng_below(rng, 8));

	*program = (struct program){};
	/* The newest programs have been tried least. */
	if (corpus->nr) {
		unsigned int from = 0;

		if (corpus->nr > 64 && rng_below(rng, 2))
			from = corpus->nr - 64;
		*program = corpus->programs[from + rng_below(rng, corpus->nr -
							     from)];
	}
	while (times--)
		mutate_once(rng, corpus, program);
	if (!program->steps)
		mutate_once(rng, corpus, program);
}
