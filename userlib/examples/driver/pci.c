// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * PCI for a user-space driver: the device's registers through resource0 of
 * sysfs, its configuration space through config, its interrupt through
 * /dev/uioN.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pci.h"

#define DEVICES "/sys/bus/pci/devices"
#define DRIVER "uio_pci_generic"
#define DRIVER_PATH "/sys/bus/pci/drivers/" DRIVER

/* The command register of configuration space. */
#define COMMAND 4
#define COMMAND_MEMORY 0x2
#define COMMAND_MASTER 0x4
#define COMMAND_NO_INTX 0x400

#define PATH_SIZE 512

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0) {
		warn("%s", path);
		return -1;
	}
	done = write(fd, text, strlen(text));
	if (done < 0)
		warn("%s: writing '%s'", path, text);
	close(fd);
	return done < 0 ? -1 : 0;
}

/* Return 0 if there is no such file. */
static unsigned int read_number(const char *device, const char *file)
{
	unsigned int number = 0;
	char path[PATH_SIZE];
	FILE *stream;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", device, file);
	stream = fopen(path, "re");
	if (!stream)
		return 0;
	if (fscanf(stream, "%x", &number) != 1)
		number = 0;
	fclose(stream);
	return number;
}

/* Get the name of a device's driver; return false if it has none. */
static bool driver_of(const char *device, char driver[PATH_SIZE])
{
	char path[PATH_SIZE];
	char *slash;
	ssize_t length;

	snprintf(path, sizeof(path), DEVICES "/%s/driver", device);
	length = readlink(path, driver, PATH_SIZE - 1);
	if (length < 0)
		return false;
	driver[length] = '\0';
	slash = strrchr(driver, '/');
	if (slash)
		memmove(driver, slash + 1, strlen(slash));
	return true;
}

static bool matches(const char *device, const struct pci_id *id)
{
	char driver[PATH_SIZE];

	/* A device that has another driver is in use. */
	if (driver_of(device, driver) && strcmp(driver, DRIVER))
		return false;
	return (!id->vendor || read_number(device, "vendor") == id->vendor) &&
	       (!id->device || read_number(device, "device") == id->device) &&
	       (!id->class || read_number(device, "class") == id->class);
}

int pci_find(char name[PCI_NAME_SIZE], const struct pci_id *id)
{
	struct dirent **entries;
	int count = scandir(DEVICES, &entries, NULL, alphasort);
	bool found = false;
	int i;

	if (count < 0) {
		warn(DEVICES);
		return -1;
	}
	for (i = 0; i < count; i++) {
		if (!found && entries[i]->d_name[0] != '.' &&
		    matches(entries[i]->d_name, id)) {
			snprintf(name, PCI_NAME_SIZE, "%.31s",
				 entries[i]->d_name);
			found = true;
		}
		free(entries[i]);
	}
	free(entries);
	if (!found)
		warnx("there is no %s", id->what);
	return found ? 0 : -1;
}

/*
 * Bind uio_pci_generic: an IOMMU is set up for a device when a driver is bound.
 */
static int bind_driver(const char *name)
{
	char driver[PATH_SIZE];
	char path[PATH_SIZE];

	if (driver_of(name, driver)) {
		if (!strcmp(driver, DRIVER))
			return 0;
		warnx("%s has the driver %s: unbind it first", name, driver);
		return -1;
	}
	snprintf(path, sizeof(path), DEVICES "/%s", name);
	if (access(path, F_OK)) {
		warn("%s", path);
		return -1;
	}
	if (access(DRIVER_PATH, F_OK)) {
		warnx(DRIVER " is not loaded: modprobe " DRIVER);
		return -1;
	}
	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", name);
	if (write_file(path, DRIVER) || write_file(DRIVER_PATH "/bind", name))
		return -1;
	printf("%-12s %s, to " DRIVER "\n", "bound", name);
	return 0;
}

static int open_uio(const char *name)
{
	char path[PATH_SIZE];
	struct dirent *entry;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "/%s/uio", name);
	dir = opendir(path);
	if (!dir) {
		warn("%s", path);
		return -1;
	}
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "uio", 3))
			break;
	if (!entry) {
		warnx("%s is empty", path);
	} else {
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			warn("%s", path);
	}
	closedir(dir);
	return fd;
}

static bool change_command(const struct pci *pci, uint16_t clear, uint16_t set)
{
	uint16_t command;

	if (pread(pci->config, &command, sizeof(command), COMMAND) !=
	    sizeof(command))
		return false;
	command = (command & ~clear) | set;
	return pwrite(pci->config, &command, sizeof(command), COMMAND) ==
	       sizeof(command);
}

static int enable(const struct pci *pci)
{
	if (change_command(pci, COMMAND_NO_INTX,
			   COMMAND_MEMORY | COMMAND_MASTER))
		return 0;
	warn("configuration space of %s", pci->name);
	return -1;
}

static int map_bar(struct pci *pci)
{
	char path[PATH_SIZE];
	struct stat status;
	void *bar;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/resource0", pci->name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status)) {
		warn("%s", path);
		return -1;
	}
	pci->bar_size = status.st_size;
	bar = mmap(NULL, pci->bar_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	close(fd);
	if (bar == MAP_FAILED) {
		warn("%s", path);
		return -1;
	}
	pci->bar = bar;
	return 0;
}

static int open_config(struct pci *pci)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), DEVICES "/%s/config", pci->name);
	pci->config = open(path, O_RDWR | O_CLOEXEC);
	if (pci->config < 0) {
		warn("%s", path);
		return -1;
	}
	return 0;
}

/* Accesses to the registers of an unplugged device raise SIGBUS. */
static void on_bus_error(int number)
{
	static const char words[] = "the device is gone\n";
	ssize_t written = write(STDERR_FILENO, words, sizeof(words) - 1);

	(void)number;
	(void)written;
	_exit(EXIT_FAILURE);
}

int pci_open(struct pci *pci, const char *name)
{
	*pci = (struct pci){.config = -1, .uio = -1};
	if (!strncmp(name, "pci/", 4))
		name += 4;
	if (strlen(name) >= sizeof(pci->name)) {
		warnx("'%s' is not the name of a PCI device", name);
		return -1;
	}
	strcpy(pci->name, name);
	signal(SIGBUS, on_bus_error);
	if (bind_driver(name) || open_config(pci))
		return -1;
	/* When this file is closed, the device can no longer do DMA. */
	pci->uio = open_uio(name);
	if (pci->uio < 0 || enable(pci) || map_bar(pci)) {
		pci_close(pci);
		return -1;
	}
	return 0;
}

int pci_wait_interrupt(struct pci *pci, int timeout_ms)
{
	struct pollfd wait = {.fd = pci->uio, .events = POLLIN};
	uint32_t count;
	int ready;

	do {
		ready = poll(&wait, 1, timeout_ms);
	} while (ready < 0 && errno == EINTR);
	if (!ready) {
		warnx("%s: no interrupt after %d ms", pci->name, timeout_ms);
		return -1;
	}
	if (ready < 0 || read(pci->uio, &count, sizeof(count)) < 0) {
		warn("waiting for an interrupt of %s", pci->name);
		return -1;
	}
	return 0;
}

int pci_unmask_interrupt(struct pci *pci)
{
	if (change_command(pci, COMMAND_NO_INTX, 0))
		return 0;
	warn("configuration space of %s", pci->name);
	return -1;
}

bool pci_is_gone(const struct pci *pci)
{
	uint16_t vendor;

	return pread(pci->config, &vendor, sizeof(vendor), 0) !=
		       sizeof(vendor) ||
	       vendor == 0xffff;
}

void pci_close(struct pci *pci)
{
	if (pci->bar)
		munmap((void *)pci->bar, pci->bar_size);
	if (pci->uio >= 0) {
		change_command(pci, COMMAND_MASTER, COMMAND_NO_INTX);
		close(pci->uio);
	}
	if (pci->config >= 0)
		close(pci->config);
}
