// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load the module with its first failure, its second one, and so on. A load
 * that fails leaves nothing behind; one that succeeds leaves a module that
 * works, if with a smaller reserve. The test loads the module itself.
 */
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "contig_utils.h"
#include "faults.h"

#define MODULE "/sys/module/contig"
#define EARLY "early=512K,64K"
#define EARLY_BYTES KIB(576)

/* Far more than the failure points of a load. */
#define NEVER 1000000

static bool is_loaded(void)
{
	return !access(MODULE "/initstate", F_OK);
}

static int unload(void)
{
	return syscall(SYS_delete_module, "contig", O_NONBLOCK) ? -errno : 0;
}

static int load(int file, const char *parameters)
{
	return syscall(SYS_finit_module, file, parameters, 0) ? -errno : 0;
}

/* Open the file that modprobe would load, with its dependencies loaded. */
static int module_open(void)
{
	FILE *out = popen("modprobe contig && rmmod contig && modprobe -D contig",
			  "r");
	char line[512], *path = NULL;
	int fd = -ENOENT;

	while (out && fgets(line, sizeof(line), out)) {
		if (strncmp(line, "insmod ", 7) || !strstr(line, "/contig.ko"))
			continue;
		path = line + 7;
		path[strcspn(path, " \n")] = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (out)
		pclose(out);
	return fd;
}

/* Return a number from debugfs reserves, or -1 if it is not there. */
static int64_t reserve_figure(const char *key)
{
	char *text = debugfs_text("reserves");
	char *at = text ? strstr(text, key) : NULL;
	int64_t value = at ? strtoll(at + strlen(key), NULL, 10) : -1;

	free(text);
	return value;
}

/*
 * Return true if the loaded module works, and its reserve is as large as could
 * be had.
 */
static bool works(bool whole)
{
	struct contig_info info = {};
	int client = client_open(), fd;
	int64_t missing;
	bool good;

	good = client >= 0 && !_test_cmd_info(client, &info) &&
	       info.out_reserve_free == info.out_reserve_bytes;
	if (whole && info.out_reserve_bytes != EARLY_BYTES)
		good = false;
	/* The module also loads without its files in debugfs. */
	missing = reserve_figure("\nmissing ");
	if (missing >= 0 &&
	    info.out_reserve_bytes + missing != EARLY_BYTES)
		good = false;
	fd = buffer_alloc(client, KIB(64), 0, 0);
	if (fd < 0)
		good = false;
	if (!good)
		fprintf(stderr, "# client %d, %llu bytes in reserve, %llu free,"
			" %lld missing, buffer %d\n", client,
			info.out_reserve_bytes, info.out_reserve_free,
			(long long)missing, fd);
	close(fd);
	close(client);
	return good;
}

FIXTURE(loading) {
	int file;
};

FIXTURE_SETUP(loading) {
	self->file = module_open();
	if (self->file < 0)
		SKIP(return, "needs root and a module that modprobe finds");
	faults_setup();
}

FIXTURE_TEARDOWN(loading) {
	close(self->file);
}

/*
 * Return the number of failure points before the module itself begins to run.
 */
static unsigned int points_before(int file)
{
	int fault = fault_arm(NEVER);
	int ret = load(file, "early=x");
	unsigned int left = fault_disarm(fault);

	return ret == -EINVAL ? NEVER - left : 0;
}

/*
 * Return the distance to the next point worth trying. The points before the
 * module's own belong to the kernel alone, and are many. Each of its own is
 * tried if there is time, otherwise every third. Once so many in a row did no
 * harm, these are the files in debugfs, which the module can do without:
 * hundreds of points, four for each file.
 */
static unsigned int step(unsigned int n, unsigned int first, unsigned int calm)
{
	if (n + 150 < first)
		return 100;
	if (n + 16 < first)
		return 8;
	if (is_soak())
		return calm < 32 ? 1 : 7;
	return calm < 16 ? 3 : 49;
}

TEST_F_TIMEOUT(loading, survives_every_failure, 600)
{
	unsigned int n, done = 0, left = 0, tried = 0, hidden = 0, calm = 0;
	unsigned int first;
	int fault, ret;

	first = points_before(self->file);
	ASSERT_LT(0, first);
	for (n = 1; !left && n < FAULTS_MAX; n += step(n, first, calm)) {
		fault = fault_arm(n);
		ret = load(self->file, EARLY);
		left = fault_disarm(fault);
		done = n;
		tried += !left;
		hidden += !left && !ret;
		calm = ret || n < first ? 0 : calm + 1;
		if (ret) {
			ASSERT_EQ(0, left)
				TH_LOG("point %u: %s", n, strerror(-ret));
			/*
			 * device_add() returns EINVAL for a device whose name
			 * could not be allocated.
			 */
			EXPECT_TRUE(ret == -ENOMEM || ret == -EFAULT ||
				    ret == -EINTR || ret == -EAGAIN ||
				    ret == -EINVAL)
				TH_LOG("point %u: %s", n, strerror(-ret));
			ASSERT_FALSE(is_loaded());
			ASSERT_NE(0, access(CONTIG_PATH, F_OK));
		} else {
			/*
			 * The last load had no failure: nothing may be missing.
			 */
			EXPECT_TRUE(works(left))
				TH_LOG("point %u", n);
			ASSERT_EQ(0, unload());
		}
	}
	ASSERT_NE(0, left);
	printf("# %u points, %u of them before ours; %u tried, %u without"
	       " harm\n", done - left, first, tried, hidden);
}

static __attribute__((constructor)) void need_kernel(void)
{
	faults_need_kernel();
}

TEST_HARNESS_MAIN
