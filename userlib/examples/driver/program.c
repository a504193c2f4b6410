// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "program.h"

error_t program_parse(int key, char *value, struct argp_state *state,
		      struct arguments *arguments)
{
	switch (key) {
	case 'r':
		if (!memory_is_known(value))
			argp_error(state, "there is no rung '%s'", value);
		arguments->rung = value;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->device)
			argp_error(state, "one argument too many: '%s'", value);
		arguments->device = value;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

unsigned long program_number(const struct argp_state *state, const char *text,
			     unsigned long least, unsigned long most)
{
	unsigned long number;
	char *end;

	number = strtoul(text, &end, 0);
	if (*end || end == text || *text == '-' || number < least ||
	    number > most)
		argp_error(state, "'%s' is no number from %lu to %lu", text,
			   least, most);
	return number;
}

int program_open(struct pci *pci, const struct arguments *arguments,
		 const struct pci_id *id)
{
	char found[PCI_NAME_SIZE];

	if (arguments->device)
		return pci_open(pci, arguments->device);
	if (pci_find(found, id))
		return -1;
	return pci_open(pci, found);
}

struct contig *program_attach(const struct pci *pci,
			      const struct contig_device_opts *opts,
			      struct contig_device *info)
{
	char name[CONTIG_DEVICE_NAME_SIZE];
	struct contig *client;
	int error;

	error = contig_open(&client, NULL);
	if (error) {
		warnx(CONTIG_PATH ": %s", contig_strerror(error));
		return NULL;
	}
	snprintf(name, sizeof(name), "pci/%s", pci->name);
	error = contig_attach_device(client, name, opts);
	if (!error) {
		*info = (struct contig_device){.size = sizeof(*info)};
		error = contig_get_device(client, info);
	}
	if (error) {
		warnx("%s: %s", name, contig_strerror(error));
		contig_close(client);
		return NULL;
	}
	return client;
}
