/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * Common start of a driver that is a program: its arguments, its device, and a
 * client for it.
 */
#ifndef DRIVER_PROGRAM_H
#define DRIVER_PROGRAM_H

#include <argp.h>
#include <contig.h>

#include "pci.h"

/**
 * struct arguments - arguments that all drivers take
 * @device: name of the device, NULL for the first one of its kind
 * @rung: source of the memory, NULL if none was given
 */
struct arguments {
	const char *device;
	const char *rung;
};

/* Parse --rung and DEVICE; a wrong one ends the program. */
error_t program_parse(int key, char *value, struct argp_state *state,
		      struct arguments *arguments);

/* Return a number from @least to @most; anything else ends the program. */
unsigned long program_number(const struct argp_state *state, const char *text,
			     unsigned long least, unsigned long most);

/* Open the device that was named, or the first that matches @id. */
int program_open(struct pci *pci, const struct arguments *arguments,
		 const struct pci_id *id);

/*
 * Open a client, attach a device to it, and describe the device in @info.
 * Return NULL after a message.
 */
struct contig *program_attach(const struct pci *pci,
			      const struct contig_device_opts *opts,
			      struct contig_device *info);

#endif /* DRIVER_PROGRAM_H */
