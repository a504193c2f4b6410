// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * C++ can wrap the library in classes that release what they own, also when an
 * exception leaves their scope. Prints TAP.
 */
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include <contig.h>

/* From fake.h, which is C. */
extern "C" {
int fake_reset(void **state);
void fake_fail(unsigned int cmd, unsigned int after, int error);
unsigned int fake_busy_pages(void);
unsigned int fake_open_files(void);
}

namespace
{

void check(int result)
{
	if (result)
		throw std::system_error(-result, std::generic_category(),
					contig_strerror(result));
}

struct Release {
	void operator()(contig *client) const noexcept
	{
		contig_close(client);
	}

	void operator()(contig_buffer *buffer) const noexcept
	{
		contig_buffer_free(buffer);
	}
};

using Client = std::unique_ptr<contig, Release>;
using Buffer = std::unique_ptr<contig_buffer, Release>;

Client open_client()
{
	contig_open_opts opts = CONTIG_OPEN_OPTS_INIT;
	contig *client = nullptr;

	check(contig_open(&client, &opts));
	return Client(client);
}

Buffer allocate(const Client &client, uint64_t length)
{
	contig_alloc_opts opts;
	contig_buffer *buffer = nullptr;

	check(contig_alloc_opts_init(&opts, sizeof(opts)));
	opts.rungs = CONTIG_RUNGS_ALL;
	check(contig_alloc(client.get(), length, &opts, &buffer));
	return Buffer(buffer);
}

class Mapping
{
      public:
	Mapping(const Buffer &buffer, size_t length) : length_(length)
	{
		check(contig_buffer_map(buffer.get(), 0, length,
					PROT_READ | PROT_WRITE, &addr_));
	}

	~Mapping()
	{
		if (addr_)
			contig_buffer_unmap(addr_, length_);
	}

	Mapping(const Mapping &) = delete;
	Mapping &operator=(const Mapping &) = delete;

	Mapping(Mapping &&other) noexcept
	    : addr_(std::exchange(other.addr_, nullptr)), length_(other.length_)
	{
	}

	unsigned char *data() const
	{
		return static_cast<unsigned char *>(addr_);
	}

      private:
	void *addr_ = nullptr;
	size_t length_;
};

class Lock
{
      public:
	Lock(const Client &client, const void *addr, size_t length)
	    : client_(client.get()), addr_(addr), length_(length)
	{
		check(contig_lock(client_, addr, length, 0));
	}

	~Lock()
	{
		contig_unlock(client_, addr_, length_);
	}

	Lock(const Lock &) = delete;
	Lock &operator=(const Lock &) = delete;

	std::vector<contig_extent> extents() const
	{
		contig_extent *table = nullptr;
		uint32_t count = 0;

		check(contig_get_extents(client_, addr_, length_, &table,
					 &count));
		std::unique_ptr<contig_extent, decltype(&std::free)> owner(
			table, &std::free);
		return std::vector<contig_extent>(table, table + count);
	}

      private:
	contig *client_;
	const void *addr_;
	size_t length_;
};

bool allocates_and_translates()
{
	constexpr size_t length = 64 * 1024;
	const Client client = open_client();
	const Buffer buffer = allocate(client, length);
	const Mapping mapping(buffer, length);
	uint64_t sum = 0;

	mapping.data()[length - 1] = 1;
	const Lock lock(client, mapping.data(), length);
	for (const contig_extent &extent : lock.extents())
		sum += extent.length;
	return sum == length && fake_busy_pages() > 0;
}

bool throws_and_releases()
{
	std::vector<unsigned char> memory(10000);

	try {
		const Client client = open_client();
		const Buffer buffer = allocate(client, memory.size());
		const Lock lock(client, memory.data(), memory.size());

		fake_fail(CONTIG_CMD_GET_PHYSICAL, 0, EPERM);
		lock.extents();
	} catch (const std::system_error &error) {
		return error.code().value() == EPERM;
	}
	return false;
}

bool moves_mappings()
{
	const Client client = open_client();
	const Buffer buffer = allocate(client, 4096);
	Mapping one(buffer, 4096);
	const Mapping two(std::move(one));

	two.data()[0] = 1;
	return !one.data();
}

bool leaves_nothing(bool (*test)())
{
	const unsigned int files = fake_open_files();
	bool passed;

	fake_reset(nullptr);
	passed = test();
	return passed && !fake_busy_pages() && fake_open_files() == files;
}

} // namespace

int main()
{
	const std::pair<const char *, bool (*)()> tests[] = {
		{"allocates_and_translates", allocates_and_translates},
		{"throws_and_releases", throws_and_releases},
		{"moves_mappings", moves_mappings},
	};
	int number = 0, failed = 0;

	std::puts("TAP version 13\n1..3");
	for (const auto &[name, test] : tests) {
		const bool passed = leaves_nothing(test);

		failed += !passed;
		std::printf("%sok %d - %s\n", passed ? "" : "not ", ++number,
			    name);
	}
	return failed ? 1 : 0;
}
