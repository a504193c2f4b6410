/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * What a driver begins with that is a program: its arguments, its device, and a
 * client for it.
 */
#ifndef DRIVER_PROGRAM_H
#define DRIVER_PROGRAM_H

#include <argp.h>
#include <contig.h>

#include "pci.h"

/**
 * struct arguments - what each of them can be told
 * @device: name of the device, NULL for the first one of its kind
 * @rung: where memory is to be from, NULL if that is not said
 */
struct arguments {
	const char *device;
	const char *rung;
};

/* Take --rung and DEVICE; a wrong one ends the program. */
error_t program_parse(int key, char *value, struct argp_state *state,
		      struct arguments *arguments);

/* A number from @least to @most; what is none ends the program. */
unsigned long program_number(const struct argp_state *state, const char *text,
			     unsigned long least, unsigned long most);

/* Open the device that was named, or the first that is like @id. */
int program_open(struct pci *pci, const struct arguments *arguments,
		 const struct pci_id *id);

/*
 * Open a client and attach a device to it, of which @info tells then. Returns
 * NULL after it has said why not.
 */
struct contig *program_attach(const struct pci *pci,
			      const struct contig_device_opts *opts,
			      struct contig_device *info);

#endif /* DRIVER_PROGRAM_H */
