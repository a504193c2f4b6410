// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steps that attach a device, or take its driver away
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/contig.h>

#include "calls.h"

/*
 * DEVICE: 1 client (2 bits), flags; 2 name; 3 address bits; 4 longest segment;
 * 5 boundary. scripts/fuzz adds the first two to the guest, "run" binds them.
 */
int step_device(struct step *step)
{
	static const char * const names[] = {
		FUZZ_DEVICE, "pci/0000:00:11.0", "pci/0000:00:1f.2",
		"platform/contig", "platform/serial8250", "pci/0000:00:1e.7",
		"pci/", "", "platform/", FUZZ_DEVICE "\n",
	};
	static const uint8_t bits[] = { 28, 0, 32, 64, 12, 11, 65, 24 };
	static const uint64_t lengths[] = {
		0, PAGE, 1 << 16, 1 << 20, 1ull << 32, ~0ull, PAGE - 1, 1,
	};
	const uint8_t *b = step->b;
	struct contig_device cmd = {
		.flags = b[1] / 4 % 4,
		.address_bits = bits[b[3] % ARRAY_SIZE(bits)],
		.reserved = b[7] & FORM_RESERVED,
		.max_segment = lengths[b[4] % ARRAY_SIZE(lengths)],
		.boundary = lengths[b[5] % ARRAY_SIZE(lengths)],
	};

	if (b[2] == 0xff)
		memset(cmd.name, 'x', sizeof(cmd.name));
	else
		strcpy(cmd.name, names[b[2] % ARRAY_SIZE(names)]);
	return call(step, CONTIG_DEVICE, &cmd, sizeof(cmd));
}

static int write_name(const char *path)
{
	const char *name = strchr(FUZZ_DEVICE, '/') + 1;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = result_of(write(fd, name, strlen(name)));
	close(fd);
	return ret;
}

/*
 * Unbind and bind the driver of the device, whichever client has it attached.
 */
int step_rebind(struct step *step)
{
	int ret = write_name("/sys/bus/pci/drivers/uio_pci_generic/unbind");

	(void)step;
	return write_name("/sys/bus/pci/drivers/uio_pci_generic/bind") ?: ret;
}
